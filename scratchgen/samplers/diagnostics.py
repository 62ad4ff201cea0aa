r"""What a trace of chains is worth: autocorrelation, effective sample size, split R-hat, acceptance, energies.

Symbols: x (n, m) or (n, m, d), n steps of m chains, of one quantity or of d; results have the shape () or (d,). Every
chain is cut into its first and second half, so that a chain that still drifts disagrees with itself. With M = 2 m
halves of N = n // 2 steps (the first step is left out where n is odd), W the mean of their variances and B / N the
variance of their means,

.. math:: \widehat{var} = \frac{N - 1}{N} W + \frac{B}{N}, \qquad \hat{R} = \sqrt{\widehat{var} / W}, \qquad
          \rho_t = 1 - \frac{W - \overline{C_t}}{\widehat{var}}

with :math:`\overline{C_t}` the mean autocovariance at lag t. The integrated autocorrelation time is how many steps are
worth an independent draw,

.. math:: \tau = 1 + 2 \sum_{t \geq 1} \rho_t, \qquad ESS = \frac{n m}{\tau},

summed over pairs of lags :math:`\rho_{2k} + \rho_{2k+1}` up to the first that is not positive, each replaced by the
smallest so far: these sums are positive and fall for a reversible chain [1]_. Where a quantity does not vary at all,
the results are NaN.

References
----------
.. [1] C. J. Geyer: "Practical Markov chain Monte Carlo", Statistical Science 7, 1992 (initial monotone sequence).
.. [2] A. Gelman, J. B. Carlin, H. S. Stern, D. B. Dunson, A. Vehtari, D. B. Rubin: "Bayesian data analysis", third
   edition, 2013, sections 11.4 and 11.5 (split R-hat, ESS).
.. [3] A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner: "Rank-normalization, folding, and localization:
   an improved R-hat", Bayesian Analysis 16, 2021. The plain split R-hat here needs finite means and variances, the
   rank-normalised one of this paper does not.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.typing import Array

_FEWEST_STEPS = 8  # two halves of four


class EnergySummary(NamedTuple):
    """The trace of an energy, or of log p, in a few numbers.

    Attributes
    ----------
    mean, standard_deviation : float
        Over all steps and chains.
    standard_error : float
        Of the mean: standard_deviation / sqrt(ESS).
    drift : float
        Mean of the second half less that of the first, in standard errors of this difference [1]_. Beyond about 3
        either way the chains have not forgotten their start, and more of it has to be discarded.

    References
    ----------
    .. [1] J. Geweke: "Evaluating the accuracy of sampling-based approaches to the calculation of posterior moments",
       Bayesian Statistics 4, 1992; there with other shares of the trace than its halves.
    """

    mean: float
    standard_deviation: float
    standard_error: float
    drift: float


def autocorrelation(x: Array) -> np.ndarray:
    """Return rho_t for t = 0, ..., N - 1, of shape (N,) or (N, d): the equation stands at the head of this module.

    Raises
    ------
    InputError
        `x` is not a trace of finite numbers of at least 8 steps.
    """
    halves = _split(_check_trace(x))
    within, total = _variances(halves)
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing varies
        return 1 - (within - _autocovariance(halves).mean(axis=1)) / total


def integrated_autocorrelation_time(x: Array) -> np.ndarray:
    """Return tau, of shape () or (d,): the number of steps that are worth one independent draw.

    A chain whose steps alternate can have tau < 1; it is kept above 1 / log10(n m), where its estimate gives out [3]_.

    Raises
    ------
    InputError
        As for `autocorrelation`.
    """
    rho = autocorrelation(x)
    pairs = rho[0 : len(rho) // 2 * 2 : 2] + rho[1::2]  # (N // 2, ...)
    positive = np.logical_and.accumulate(~(pairs <= 0), axis=0)  # NaN stays in the sum
    tau = -1 + 2 * np.where(positive, np.minimum.accumulate(pairs, axis=0), 0).sum(axis=0)
    return np.maximum(tau, 1 / math.log10(_n_draws(x)))


def effective_sample_size(x: Array) -> np.ndarray:
    """Return n m / tau, of shape () or (d,): the mean of x is as good as that of so many independent draws.

    Raises
    ------
    InputError
        As for `autocorrelation`.
    """
    return _n_draws(x) / integrated_autocorrelation_time(x)


def split_r_hat(x: Array) -> np.ndarray:
    """Return R-hat of the halves of the chains, of shape () or (d,): near 1 where all of them agree.

    Values above about 1.01 say that chains differ more among each other than within: they have not mixed. It is blind
    to what no chain has found, and to chains that agree in their means and differ in their spread.

    Raises
    ------
    InputError
        As for `autocorrelation`.
    """
    within, total = _variances(_split(_check_trace(x)))
    with np.errstate(invalid="ignore", divide="ignore"):  # chains that stand still at different places: infinity
        return np.sqrt(total / within)


def acceptance_rate(accepted: Array) -> np.ndarray:
    """Return the share of accepted steps of each chain, (chains,), from the (steps, chains) of a trace.

    Raises
    ------
    InputError
        `accepted` is not of two dimensions, or has no steps.
    """
    flags = to_numpy(accepted)
    if flags.ndim != 2 or len(flags) == 0:
        raise InputError(f"accepted must have shape (steps, chains) with steps >= 1, got {flags.shape}")
    return flags.mean(axis=0)


def energy_summary(energy: Array) -> EnergySummary:
    """Summarise the (steps, chains) of an energy, or of log p: ``trace.info.log_density``.

    Raises
    ------
    InputError
        `energy` is not of two dimensions, or has fewer than 16 steps; else as for `autocorrelation`.
    """
    values = _check_trace(energy, fewest_steps=2 * _FEWEST_STEPS)
    if values.ndim != 2:
        raise InputError(f"energy must have shape (steps, chains), got {values.shape}")
    first, second = np.array_split(values, 2)
    drift = (second.mean() - first.mean()) / math.hypot(_standard_error(first), _standard_error(second))
    return EnergySummary(float(values.mean()), float(values.std()), _standard_error(values), float(drift))


def _standard_error(values: np.ndarray) -> float:
    return float(values.std() / np.sqrt(effective_sample_size(values)))


def _check_trace(x: Any, fewest_steps: int = _FEWEST_STEPS) -> np.ndarray:
    values = to_numpy(x)
    if values.dtype.kind not in "fiub":
        raise InputError(f"a trace must hold real numbers, got dtype {values.dtype}")
    if values.ndim not in (2, 3) or min(values.shape) < 1 or len(values) < fewest_steps:
        raise InputError(
            f"a trace must have shape (steps, chains) or (steps, chains, dimensions) with at least {fewest_steps} "
            f"steps, got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise InputError("a trace must hold finite numbers, got NaN or infinity")
    return values.astype(np.float64, copy=False)


def _n_draws(x: Array) -> int:
    return int(x.shape[0] * x.shape[1])


def _split(x: np.ndarray) -> np.ndarray:
    """Return the halves of the chains as chains: (n, m, ...) -> (n // 2, 2 m, ...), with the first value as zero."""
    length = len(x) // 2
    x = x - x[0, 0]  # what does not vary has a variance of exactly 0
    return np.concatenate([x[-2 * length : -length], x[-length:]], axis=1)


def _variances(halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W and the estimate of the whole variance."""
    length = len(halves)
    within = halves.var(axis=0, ddof=1).mean(axis=0)
    return within, (length - 1) / length * within + halves.mean(axis=0).var(axis=0, ddof=1)


def _autocovariance(x: np.ndarray) -> np.ndarray:
    """Return the autocovariance of each chain at the lags 0, ..., N - 1, of the shape of `x`, by way of its spectrum.

    All lags are divided by N - 1, as the variance is, which keeps the sequence positive definite.
    """
    length = len(x)
    padded = 2 ** math.ceil(math.log2(2 * length))  # zeros between the end and the start: no wrap-around
    spectrum = np.fft.rfft(x - x.mean(axis=0), padded, axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, padded, axis=0)[:length] / (length - 1)
