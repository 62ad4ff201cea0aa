r"""Estimators of log p(x), of the ELBO and of KL divergences, to be compared where the truth is known.

========================  ===================================================  =====================================
estimate                  from draws of                                        error
========================  ===================================================  =====================================
direct Monte Carlo        the prior: log 1/k sum_s p(x|z_s)                    below log p(x); grows with dimension
importance sampling       q(z|x): log 1/k sum_s p(x|z_s) p(z_s) / q(z_s|x)     below log p(x); little where q is good
ELBO, KL exact            q(z|x): -KL(q || p) + log p(x|z)                     its mean is the ELBO
ELBO, KL sampled          q(z|x): log p(x|z) + log p(z) - log q(z|x)           its mean is the ELBO
========================  ===================================================  =====================================

Symbols: x (n, n_visible); mean, log_var (n, n_latent) of q(z|x); ``nll(z, x)`` is -log p(x|z) of z (k, n, n_latent) as
(k, n), such as `LinearGaussianModel.nll`. The exact values are `LinearGaussianModel.log_likelihood` and `exact_elbo`.
Parameters of q that do not fit the examples are an InputError, and never broadcast.

References
----------
Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016.
D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014, equations 6 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.importance_sampling import log_likelihood
from scratchgen.ops.divergences import kl_standard_normal_forward
from scratchgen.ops.importance import log_mean_exp_forward, reparameterise_ratio_forward
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_float_array, check_gaussians, check_numbers, check_positive

if TYPE_CHECKING:
    from scratchgen.models.linear import LinearGaussianModel

NegativeLogLikelihood = Callable[[Array, Array], Array]


def prior_log_likelihood(x: Array, n_latent: int, nll: NegativeLogLikelihood, n_samples: int, stream: Stream) -> Array:
    """Return log p(x) by direct Monte Carlo, in nats, (n,): the logarithm of the mean of p(x|z) over the prior.

    Importance sampling with the prior as the proposal. Nearly all draws miss the posterior, the more so the more
    dimensions z has, and the estimate then falls far below log p(x).
    """
    x = check_float_array("x", x)
    standard = namespace(x).zeros((x.shape[0], check_count("n_latent", n_latent)), dtype=x.dtype)
    x, mean, log_var = check_gaussians(x, standard, standard)
    return log_likelihood(x, mean, log_var, nll, check_count("n_samples", n_samples), stream)


class ELBODraws(NamedTuple):
    """One estimate of the ELBO from each draw, in nats, (k, n): with the KL divergence exact, and sampled too."""

    exact_kl: Array
    sampled_kl: Array


def elbo_draws(
    x: Array, mean: Array, log_var: Array, nll: NegativeLogLikelihood, n_samples: int, stream: Stream
) -> ELBODraws:
    """Return both estimates of the ELBO from the same `n_samples` draws of z for each example.

    Their means agree. Which varies less depends on q: where q is the posterior, the sampled one does not vary at all,
    for log p(x|z) + log p(z) - log q(z|x) is then log p(x) whatever z.
    """
    x, mean, log_var = check_gaussians(x, mean, log_var)
    noise = stream.normal((check_count("n_samples", n_samples), *mean.shape), mean.dtype)
    (z, log_ratio), _ = reparameterise_ratio_forward(mean, log_var, noise)
    log_p_x = -nll(z, x)
    kl, _ = kl_standard_normal_forward(mean, log_var)
    return ELBODraws(log_p_x - kl, log_p_x + log_ratio)


def exact_elbo(model: LinearGaussianModel, x: Array, mean: Array, log_var: Array) -> Array:
    r"""Return the ELBO of a linear Gaussian model in closed form, in nats, (n,).

    log p(x|z) is quadratic in z, so that its mean is its value at the mean of q less half of what the variances
    :math:`v_k` of q add to the squares:

    .. math:: \log p(x \mid z = \mathrm{mean}) - \frac{1}{2 \sigma^2} \sum_k v_k |W_k|^2 - \mathrm{KL}(q \,\|\, p)
    """
    x, mean, log_var = check_gaussians(model.check_data(x), mean, log_var, model.n_latent)
    xp, params = namespace(x, mean), model.params
    squares = xp.sum(params.W * params.W, axis=1) * xp.exp(-2 * params.log_sigma)  # (n_latent,)
    kl, _ = kl_standard_normal_forward(mean, log_var)
    return -model.nll(mean, x) - 0.5 * xp.sum(xp.exp(log_var) * squares, axis=1) - kl


def jensen_gap(log_weight: Array) -> Array:
    """Return ``log 1/k sum_s w_s - 1/k sum_s log w_s`` of each example, in nats, (n,), from log w of shape (k, n).

    By Jensen's inequality it is never negative, and 0 only where all weights are equal. For the importance weights of a
    model it is what the ELBO loses, as k grows; for weights whose logarithm is Gaussian that is half of its variance.
    """
    log_weight = check_numbers("log_weight", log_weight)
    if log_weight.ndim != 2 or log_weight.shape[0] == 0:
        raise InputError(f"log_weight must have shape (k, n) with k >= 1, got {tuple(log_weight.shape)}")
    return log_mean_exp_forward(log_weight)[0] - namespace(log_weight).mean(log_weight, axis=0)


class KLEstimate(NamedTuple):
    """An estimate of KL(q || p) in nats, and its standard error."""

    kl: float
    standard_error: float


def monte_carlo_kl(x: Array, log_q: Callable[[Array], Array], log_p: Callable[[Array], Array]) -> KLEstimate:
    """Return the mean of log q(x) - log p(x) over independent draws x of q, and its standard error.

    Parameters
    ----------
    x : array (n, ...)
        At least two draws of q.
    log_q, log_p : callable
        Log densities of x, (n,), both normalised.

    Raises
    ------
    InputError
        There are fewer than two draws, or a log density is not one number a draw; or p is 0 at one of them: then the
        divergence is infinite.
    """
    x = check_float_array("x", x)
    n = check_count("the number of draws", x.shape[0], least=2)
    log_ratio = _one_number_a_draw("log_q(x)", log_q(x), n) - _one_number_a_draw("log_p(x)", log_p(x), n)
    if not bool(namespace(log_ratio).isfinite(log_ratio).all()):
        raise InputError(
            "log q(x) - log p(x) must be finite at every draw of q: where p is 0 the divergence is infinite"
        )
    return KLEstimate(float(log_ratio.mean()), float(log_ratio.std(ddof=1)) / math.sqrt(n))


def _one_number_a_draw(name: str, values: Any, n: int) -> Array:
    values = check_numbers(name, values)
    if tuple(values.shape) != (n,):
        raise InputError(f"{name} must have shape ({n},), a number a draw, got {tuple(values.shape)}")
    return values


class LikelihoodErrors(NamedTuple):
    """Root mean square errors of three estimates of log p(x), in nats: over the examples."""

    prior: float
    importance: float
    elbo: float


def likelihood_errors(
    model: LinearGaussianModel, x: Array, n_samples: int, stream: Stream, widening: float = 1.5
) -> LikelihoodErrors:
    """Compare estimates of log p(x) from `n_samples` draws with the truth, over the examples `x`.

    The proposal, q, has the mean and the variances of the posterior, these multiplied by `widening`: with the posterior
    itself neither importance sampling nor the ELBO has an error.
    """
    check_positive("widening", widening)
    x = model.check_data(x)
    xp, (mean, log_var) = namespace(x), model.encode(x)
    log_var = log_var + math.log(widening)
    exact = model.log_likelihood(x)
    estimates = (
        prior_log_likelihood(x, model.n_latent, model.nll, n_samples, stream),
        log_likelihood(x, mean, log_var, model.nll, n_samples, stream),
        exact_elbo(model, x, mean, log_var),
    )
    return LikelihoodErrors(*(float(xp.sqrt(xp.mean((estimate - exact) ** 2))) for estimate in estimates))
