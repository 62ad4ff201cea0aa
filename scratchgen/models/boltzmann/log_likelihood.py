r"""How likely data are under an RBM: log Z by three methods, and what follows from it.

.. math:: \log p(v) = - F(v) - \log Z

The work is done in `scratchgen.inference`; these functions are methods of `RBM`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgen.errors import InputError
from scratchgen.inference import ais, exact, mean_field, pseudo_likelihood
from scratchgen.inference.parameters import refuse_greys
from scratchgen.ops.boltzmann import RBMParams, free_energy_forward
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_choice, is_finite_number

if TYPE_CHECKING:
    from scratchgen.models.boltzmann.rbm import RBM

_METHODS = ("exact", "ais", "mean-field")


def log_partition(rbm: RBM, method: str = "exact", stream: Stream | None = None, progress: bool = False) -> float:
    """Return log Z, an estimate of it, or a lower bound, in nats.

    Parameters
    ----------
    method : {"exact", "ais", "mean-field"}
        "exact" enumerates the states of the smaller layer (of the hidden one for Gaussian visible units), which may
        have 25 units. "ais" is the forward estimate of `annealed_importance_sampling` with its defaults. "mean-field"
        is a lower bound.
    stream : Stream, optional
        For the last two; by default the model's own for sampling.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        The method is unknown, or the layer too large to be enumerated: the message says how large, and names AIS.
    """
    check_choice("method", method, _METHODS)
    if method == "exact":
        return exact.log_partition(*rbm.machine, progress=progress)
    if method == "ais":
        return annealed_importance_sampling(rbm, stream=stream, progress=progress).log_partition
    W, b, c, log_sigma = rbm.machine
    bound = mean_field.mean_field_lower_bound(W, b, c, stream or rbm.streams["sampling"], log_sigma=log_sigma)
    return bound.log_partition


def annealed_importance_sampling(
    rbm: RBM,
    n_chains: int = 100,
    inverse_temperatures: Any = None,
    stream: Stream | None = None,
    progress: bool = False,
) -> ais.PartitionEstimate:
    """Estimate log Z with `n_chains` chains that go from independent units with `base_bias` to the model.

    ``inverse_temperatures`` rise from 0 to 1; by default a tenth of Salakhutdinov & Murray's 14,501. See
    `scratchgen.inference.ais` for what comes back, and for how far its standard error can be trusted.
    """
    W, b, c, log_sigma = rbm.machine
    stream = stream or rbm.streams["sampling"]
    return ais.annealed_importance_sampling(
        W, b, c, stream, n_chains, inverse_temperatures, rbm.base_bias, log_sigma=log_sigma, progress=progress
    )


def reverse_annealed_importance_sampling(
    rbm: RBM, samples: Any, inverse_temperatures: Any = None, stream: Stream | None = None, progress: bool = False
) -> ais.PartitionEstimate:
    """Estimate log Z with chains that go from `samples` (n_chains, n_visible) of the model back to independent units.

    From exact samples the estimate errs upwards on average where the forward one errs downwards, so that the two
    bracket log Z; from samples of chains that have not mixed it proves nothing.
    """
    W, b, c, log_sigma = rbm.machine
    samples = rbm.check_data(samples, "samples")
    stream = stream or rbm.streams["sampling"]
    return ais.reverse_annealed_importance_sampling(
        W, b, c, stream, samples, inverse_temperatures, rbm.base_bias, log_sigma=log_sigma, progress=progress
    )


def log_likelihood(rbm: RBM, x: Any, log_partition: float | None = None) -> Array:
    """Return log p(x) of each row, (n,), in nats: exact, unless an estimate of log Z is given.

    Raises
    ------
    InputError
        Bad data; for Bernoulli units values between 0 and 1, which have a free energy and no probability; a log Z that
        is no finite number; or none is given and the model is too large to be enumerated.
    """
    x = rbm.check_data(x)
    if rbm.visible == "bernoulli":
        refuse_greys("x", x)
    if log_partition is None:
        log_partition = exact.log_partition(*rbm.machine)
    elif not is_finite_number(log_partition):
        raise InputError(f"log_partition must be a finite number, got {log_partition!r}")
    return -free_energy_forward(rbm.machine, x, rbm.backend)[0] - log_partition


def pseudo_log_likelihood(rbm: RBM, x: Any) -> Array:
    """Return sum_i log p(x_i | the other visible units) of each row of 0/1 data, (n,): exact, and free of log Z.

    For Bernoulli visible units.
    """
    x = rbm.check_data(x)
    if rbm.visible == "gaussian":
        raise InputError("the pseudo-log-likelihood is that of Bernoulli visible units; this model's are Gaussian")
    return pseudo_likelihood.pseudo_log_likelihood(x, rbm.W, rbm.b, rbm.c)


def log_likelihood_gradient(rbm: RBM, x: Any, progress: bool = False) -> RBMParams:
    """Return the exact gradient of the mean of log p(x), which training by negative samples approximates.

    For models that can be enumerated; for Gaussian units of fixed sigma it has that of log_sigma too.
    """
    W, b, c, log_sigma = rbm.machine
    return exact.log_likelihood_gradient(rbm.check_data(x), W, b, c, log_sigma, progress)
