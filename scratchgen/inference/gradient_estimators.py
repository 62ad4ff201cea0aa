r"""The gradient of the ELBO by the parameters of q(z|x), from single draws, by two rules.

.. math::
    \partial_\phi\, \mathrm{E}_q[f(z)] = \mathrm{E}_q[f(z)\, \partial_\phi \log q(z)] \quad \text{(score function)}
    \qquad = \mathrm{E}_\epsilon[\partial_z f(z)\, \partial_\phi z] \quad \text{(reparameterised)}

with :math:`f(z) = \log p(x \mid z)` and :math:`z = \mathrm{mean} + \sigma \epsilon`; the gradient of the KL
divergence is exact in both. Both are unbiased. The score function needs no derivative of f, hence serves discrete z
too, but does not know in which direction f rises: its variance is greater by far, and grows with the size of f. A
baseline, here the mean of f over the *other* draws, takes that size away without a bias.

References
----------
R. J. Williams: "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine
Learning 8, 1992.
D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014, section 2.
W. Kool, H. van Hoof, M. Welling: "Buy 4 REINFORCE samples, get a baseline for free!", ICLR 2019 workshop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scratchgen.backend import namespace
from scratchgen.ops.divergences import kl_standard_normal_backward, kl_standard_normal_forward
from scratchgen.ops.gaussian import reparameterise_forward
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_gaussians

if TYPE_CHECKING:
    from scratchgen.models.linear import LinearGaussianModel


class ELBOGradient(NamedTuple):
    """Gradient of the ELBO of each example by mean and log_var of q(z|x): (n, n_latent) each, or (k, n, n_latent)."""

    mean: Array
    log_var: Array


class GradientDraws(NamedTuple):
    """One estimate of the gradient from each of k draws, by three rules; arrays are (k, n, n_latent)."""

    reparameterised: ELBOGradient
    score_function: ELBOGradient
    score_function_with_baseline: ELBOGradient


def elbo_gradient_draws(
    model: LinearGaussianModel, x: Array, mean: Array, log_var: Array, n_samples: int, stream: Stream
) -> GradientDraws:
    """Return estimates of the gradient of the ELBO from the same `n_samples` >= 2 draws, by all three rules.

    With epsilon the noise, ``d log q / d mean = epsilon / sigma`` and ``d log q / d log_var = (epsilon^2 - 1) / 2``.
    """
    x, mean, log_var = check_gaussians(model.check_data(x), mean, log_var, model.n_latent)
    xp = namespace(x, mean, log_var)
    k = check_count("n_samples", n_samples, least=2)
    noise = stream.normal((k, *mean.shape), mean.dtype)
    z, _ = reparameterise_forward(mean, log_var, noise)
    sigma = xp.exp(0.5 * log_var)
    f = -model.nll(z, x)[:, :, None]
    baseline = (xp.sum(f, axis=0) - f) / (k - 1)  # of the other draws: independent of this one
    df = (x - model.decode(z)) @ model.params.W.T * xp.exp(-2 * model.params.log_sigma)

    minus_kl = _minus_kl_gradient(mean, log_var)
    score = ELBOGradient(noise / sigma, 0.5 * (noise * noise - 1))

    def weighted(factor: Array) -> ELBOGradient:
        return ELBOGradient(factor * score.mean + minus_kl.mean, factor * score.log_var + minus_kl.log_var)

    reparameterised = ELBOGradient(df + minus_kl.mean, 0.5 * df * noise * sigma + minus_kl.log_var)
    return GradientDraws(reparameterised, weighted(f), weighted(f - baseline))


def exact_elbo_gradient(model: LinearGaussianModel, x: Array, mean: Array, log_var: Array) -> ELBOGradient:
    """Return the gradient of `scratchgen.inference.estimators.exact_elbo` of each example."""
    x, mean, log_var = check_gaussians(model.check_data(x), mean, log_var, model.n_latent)
    xp, W = namespace(x, mean, log_var), model.params.W
    precision = xp.exp(-2 * model.params.log_sigma)
    minus_kl = _minus_kl_gradient(mean, log_var)
    dmean = (x - model.decode(mean)) @ W.T * precision
    dlog_var = -0.5 * xp.exp(log_var) * (xp.sum(W * W, axis=1) * precision)
    return ELBOGradient(dmean + minus_kl.mean, dlog_var + minus_kl.log_var)


def _minus_kl_gradient(mean: Array, log_var: Array) -> ELBOGradient:
    _, cache = kl_standard_normal_forward(mean, log_var)
    minus_one = namespace(mean).full(mean.shape[0], -1.0, dtype=mean.dtype)
    return ELBOGradient(*kl_standard_normal_backward(minus_one, cache))
