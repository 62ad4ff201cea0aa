"""Chains of an energy-based model: these functions are methods of `EnergyModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.models.energy.dynamics import Langevin, check_dynamics
from scratchgen.random import Stream
from scratchgen.samplers.divergence import raise_if_not_finite
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from scratchgen.models.energy.energy_model import EnergyModel


def langevin(
    model: EnergyModel, x: Any, n_steps: int, dynamics: Langevin | None = None, stream: Stream | None = None
) -> Array:
    """Return the chains that start in the rows of `x` after `n_steps` steps, (n, n_visible).

    Parameters
    ----------
    x : array (n, n_visible)
    n_steps : int
    dynamics : Langevin, optional
        By default the model's own; its own `n_steps` is that of training and is not used here.
    stream : Stream, optional
        By default the model's own for sampling.

    Raises
    ------
    InputError
        Bad states or a bad number of steps.
    SamplingError
        A chain became NaN or infinite.
    """
    x, n_steps = model.check_states(x), check_count("n_steps", n_steps)
    chosen = check_dynamics(dynamics or model.dynamics)
    with np.errstate(over="ignore", invalid="ignore"):  # it shows in x
        x = chosen.run(x, model.slope, model.box, stream or model.streams["sampling"], n_steps)
    raise_if_not_finite(x, n_steps)
    return x


def sample(
    model: EnergyModel, n: int, n_steps: int = 1000, dynamics: Langevin | None = None, stream: Stream | None = None
) -> Array:
    """Return the ends of `n` chains that start from noise, (n, n_visible); see `langevin` for the arguments.

    The chains approach the law of the model as `n_steps` grows; where it has well separated modes, that can take longer
    than anybody waits.
    """
    stream = stream or model.streams["sampling"]
    return langevin(model, model.draw_start(check_count("n", n), stream), n_steps, dynamics, stream)
