"""One layer of an RBM given the other, and chains that alternate: these functions are methods of `RBM`.

Where a function draws, ``stream=None`` means the model's own stream for sampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgen.kernels.bias_activation import bias_activation_forward_
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.boltzmann import free_energy_forward, scaled_visible
from scratchgen.random import Stream
from scratchgen.samplers.gibbs import draw_units_, draw_visible_, sweep
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from scratchgen.models.boltzmann.rbm import RBM


def prob_h_given_v(rbm: RBM, v: Any) -> Array:
    """Return p(h_j = 1 | v), (n, n_hidden)."""
    return free_energy_forward(rbm.machine, rbm.check_data(v, "v"), rbm.backend)[1].p_h


def prob_v_given_h(rbm: RBM, h: Any) -> Array:
    """Return p(v_i = 1 | h), (n, n_visible); for Gaussian visible units E[v | h]."""
    output = "linear" if rbm.visible == "gaussian" else "sigmoid"
    return bias_activation_forward_.on(rbm.backend)(matmul(rbm.check_hidden(h), rbm.W.T), rbm.b, output)[0]


def sample_h_given_v(rbm: RBM, v: Any, stream: Stream | None = None) -> Array:
    """Draw h from p(h | v), (n, n_hidden)."""
    product = matmul(scaled_visible(rbm.machine, rbm.check_data(v, "v")), rbm.W)
    return draw_units_(product, rbm.c, None, stream or rbm.streams["sampling"])


def sample_v_given_h(rbm: RBM, h: Any, stream: Stream | None = None) -> Array:
    """Draw v from p(v | h), (n, n_visible)."""
    product = matmul(rbm.check_hidden(h), rbm.W.T)
    return draw_visible_(rbm.machine, product, stream or rbm.streams["sampling"])


def gibbs(rbm: RBM, v: Any, n_sweeps: int = 1, stream: Stream | None = None) -> Array:
    """Return the visible units (n, n_visible) after `n_sweeps` sweeps from `v`: in each first h, then v is drawn."""
    n_sweeps = check_count("n_sweeps", n_sweeps)
    return sweep(rbm.machine, rbm.check_data(v, "v"), n_sweeps, stream or rbm.streams["sampling"])[0]


def sample(rbm: RBM, n: int, n_sweeps: int = 1000, mean: bool = False, stream: Stream | None = None) -> Array:
    """Return `n` fantasies, (n, n_visible): chains after `n_sweeps` sweeps from independent units with `base_bias`.

    With `mean` it is E[v | h] of the last sweep, which is smoother to look at, but no sample. The chains approach the
    law of the model as `n_sweeps` grows; where it has well separated modes, that can take longer than anybody waits.
    """
    stream = stream or rbm.streams["sampling"]
    v, h = sweep(rbm.machine, rbm.draw_base(check_count("n", n), stream), check_count("n_sweeps", n_sweeps), stream)
    return prob_v_given_h(rbm, h) if mean else v
