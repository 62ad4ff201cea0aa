"""Chains without an accept step can leave the finite numbers: when that is looked for, and what is said then."""

from __future__ import annotations

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import SamplingError
from scratchgen.typing import Array

STEPS_BETWEEN_LOOKS = 64  # on a device, where a look waits for all work that is under way


def raise_if_diverged(x: Array, n_steps: int) -> None:
    """Raise if a chain without an accept step has become NaN or infinite in its step number `n_steps`.

    A coordinate that is not finite never becomes finite again, so a divergence is found later and not missed if not
    every step is looked at: NumPy's arrays are looked at in every step, those on a device in every 64th. Whoever stops
    between looks once more, with `raise_if_not_finite`.

    Raises
    ------
    SamplingError
        With the step and the first such chain.
    """
    if namespace(x) is np or n_steps % STEPS_BETWEEN_LOOKS == 0:
        raise_if_not_finite(x, n_steps)


def raise_if_not_finite(x: Array, n_steps: int) -> None:
    """Raise if a chain is NaN or infinite after `n_steps` steps.

    Raises
    ------
    SamplingError
        With the step, or on a device the steps since the last look, and the first such chain.
    """
    xp = namespace(x)
    if xp.all(xp.isfinite(x)):
        return
    chains = np.flatnonzero(~np.isfinite(to_numpy(x)).all(axis=1))
    when = f"in step {n_steps}" if xp is np else f"in one of the {STEPS_BETWEEN_LOOKS} steps up to step {n_steps}"
    raise SamplingError(
        f"chain {chains[0]} became NaN or infinite {when} ({chains.size} of {x.shape[0]} chains did): take a smaller "
        "step_size, or start where log p is less steep"
    )
