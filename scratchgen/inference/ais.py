r"""Annealed importance sampling: log Z of RBMs too large to enumerate, with its standard error, from below and above.

Chains go along the path of `scratchgen.inference.annealing` from a base of independent visible units, whose Z_0 is
known, to the model, and collect weights with :math:`\langle w \rangle = Z / Z_0`. Chains that start from samples of the
model and go back collect :math:`\langle w \rangle = Z_0 / Z`. The logarithm of a mean of weights is too small in
expectation (Jensen): the forward estimate tends to lie below log Z and the reverse one above it. Their gap says what no
standard error does, when all chains have missed a mode: **report both directions**.

References
----------
R. M. Neal: "Annealed importance sampling", Statistics and Computing 11, 2001.
R. Salakhutdinov, I. Murray: "On the quantitative analysis of deep belief networks", ICML 2008, section 4.1.
R. B. Grosse, Z. Ghahramani, R. P. Adams: "Sandwiching the marginal likelihood using bidirectional Monte Carlo",
arXiv:1511.02543, 2015.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError
from scratchgen.inference.annealing import anneal, draw_visible_, salakhutdinov_murray_schedule
from scratchgen.inference.parameters import (
    check_parameter,
    check_parameters,
    check_visible,
    in_float64,
    log_sum_exp,
    sum_over_visible,
)
from scratchgen.ops.boltzmann import RBMParams
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count

_DEFAULT_COARSENING = 10  # of Salakhutdinov & Murray's schedule: 1,451 inverse temperatures


class PartitionEstimate(NamedTuple):
    """An estimate of log Z from n chains, in nats.

    Attributes
    ----------
    log_partition : float
    standard_error : float
        Of `log_partition` by the delta method, sd(w) / (sqrt(n) mean(w)); too small where few chains carry the mean.
    effective_sample_size : float
        (sum w)^2 / sum w^2, between 1 and n: how many chains carry the mean.
    log_weights : array (n,)
        What each chain by itself gives for log Z, in float64: log Z_0 + log w forward, log Z_0 - log w in reverse.
    """

    log_partition: float
    standard_error: float
    effective_sample_size: float
    log_weights: Array


def annealed_importance_sampling(
    W: Array,
    b: Array,
    c: Array,
    stream: Stream,
    n_chains: int = 100,
    inverse_temperatures: ArrayLike | None = None,
    base_bias: Array | None = None,
    *,
    log_sigma: Array | None = None,
    progress: bool = False,
) -> PartitionEstimate:
    """Estimate log Z from chains that go from the base to the model; exp(log_partition) is unbiased for Z.

    Parameters
    ----------
    W, b, c, log_sigma : array
        As in `scratchgen.ops.boltzmann`. The chains run in their type; weights are summed in float64.
    stream : Stream
        Of the parameters' array library.
    n_chains : int
        At least 2; memory is proportional to it.
    inverse_temperatures : array_like, optional
        Strictly increasing from 0 to 1; default: `salakhutdinov_murray_schedule`, ten times coarser.
    base_bias : array (n_visible,), optional
        Of the base's visible units; best `bernoulli_base_bias` of the data, or for Gaussian units their mean (the
        variances are the model's); default: b.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        The parameters do not fit together or are not finite; or the schedule or the number of chains is not as above.
    """
    params = check_parameters(W, b, c, log_sigma)
    base = _base(params, base_bias)
    betas = _check_schedule(inverse_temperatures)
    n_chains = check_count("n_chains", n_chains, least=2)
    no_product = namespace(W).zeros((n_chains, W.shape[0]), dtype=W.dtype)
    v = draw_visible_(base, no_product, base.b, 1.0, stream)
    log_weights = _log_base_partition(base) + anneal(params, base, v, betas, stream, progress)
    return PartitionEstimate(*_log_mean(log_weights), log_weights)


def reverse_annealed_importance_sampling(
    W: Array,
    b: Array,
    c: Array,
    stream: Stream,
    samples: Array,
    inverse_temperatures: ArrayLike | None = None,
    base_bias: Array | None = None,
    *,
    log_sigma: Array | None = None,
    progress: bool = False,
) -> PartitionEstimate:
    """Estimate log Z from chains that go from the model back to the base; exp(-log_partition) is unbiased for 1/Z.

    Parameters
    ----------
    samples : array (n_chains, n_visible)
        Independent samples of p(v), at least 2, where the chains start: for a small model those of `exact_samples`.
        Others make an upper bound in expectation only in so far as they are distributed as the model is.
    W, b, c, stream, inverse_temperatures, base_bias, log_sigma, progress
        As for `annealed_importance_sampling`; the schedule is given from 0 to 1 here too.

    Raises
    ------
    InputError
        As for `annealed_importance_sampling`; or `samples` have another shape, values out of range, or one row only.
    """
    params = check_parameters(W, b, c, log_sigma)
    base = _base(params, base_bias)
    betas = _check_schedule(inverse_temperatures)
    v = check_visible("samples", samples, params).astype(W.dtype)
    check_count("the number of samples", v.shape[0], least=2)
    log_weights = anneal(params, base, v, betas[::-1], stream, progress) - _log_base_partition(base)
    minus_log_partition, standard_error, effective_sample_size = _log_mean(log_weights)
    return PartitionEstimate(-minus_log_partition, standard_error, effective_sample_size, -log_weights)


def _base(params: RBMParams, base_bias: Array | None) -> RBMParams:
    """Return `params` with the base's visible biases; the base is what remains of that at beta = 0."""
    if base_bias is None:
        return params
    dtype = params.W.dtype
    base_bias = namespace(params.W, base_bias).asarray(base_bias, dtype=dtype)
    check_parameter("base_bias", base_bias, params.b.shape, dtype)
    return params._replace(b=base_bias)


def _log_base_partition(base: RBMParams) -> float:
    """Return log Z_0: the visible units' own sum, once for each hidden state."""
    n_hidden = base.W.shape[1]
    no_hidden = namespace(base.W).zeros((1, n_hidden), dtype=np.float64)
    return float(sum_over_visible(in_float64(base), no_hidden)[0][0]) + n_hidden * math.log(2)


def _check_schedule(inverse_temperatures: ArrayLike | None) -> np.ndarray:
    if inverse_temperatures is None:
        return salakhutdinov_murray_schedule(_DEFAULT_COARSENING)
    betas = np.asarray(to_numpy(inverse_temperatures), dtype=np.float64)
    if betas.ndim != 1 or betas.size < 2 or betas[0] != 0 or betas[-1] != 1 or not (np.diff(betas) > 0).all():
        raise InputError(
            "inverse_temperatures must increase strictly from 0 to 1, both included, as np.linspace(0, 1, 1001) does: "
            f"got shape {betas.shape}, values {betas}"
        )
    return betas


def _log_mean(log_weights: Array) -> tuple[float, float, float]:
    """Return the logarithm of the mean weight, its standard error, and the effective sample size."""
    n = log_weights.shape[0]
    weights = namespace(log_weights).exp(log_weights - log_weights.max())  # the largest is 1
    log_mean = log_sum_exp(log_weights) - math.log(n)
    standard_error = float(weights.std(ddof=1) / weights.mean()) / math.sqrt(n)
    return log_mean, standard_error, float(weights.sum() ** 2 / (weights**2).sum())
