r"""What a VAE minimises: the terms of its loss, from -log p(x|z) of each draw and how q(z|x) differs from p(z).

================  ==========================================================================================
objective         loss, a mean over the examples
================  ==========================================================================================
"elbo"            mean over the draws of -log p(x|z), plus beta KL(q(z|x) || p(z)), the divergence exact
"iwae"            minus the logarithm of the mean over the k draws of w = p(x|z) p(z) / q(z|x)
================  ==========================================================================================

References
----------
Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016.
C. Cremer, Q. Morris, D. Duvenaud: "Reinterpreting importance-weighted autoencoders", ICLR 2017 workshop.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.kernels.matmul import mean
from scratchgen.ops.importance import log_mean_exp_backward, log_mean_exp_forward
from scratchgen.typing import Array

OBJECTIVES = ("elbo", "iwae")


class VAETerms(NamedTuple):
    """``loss = reconstruction + beta * kl`` (beta of this step): nats, sum over features, mean over the batch."""

    loss: Any
    reconstruction: Any
    kl: Any


def elbo_terms(nll: Array, kl: Array, beta: float) -> VAETerms:
    """Return the terms of the ELBO: `nll` of each draw, (n,) or (k, n), `kl` (n,) of each example."""
    reconstruction, mean_kl = mean(nll), mean(kl)
    return VAETerms(reconstruction + beta * mean_kl, reconstruction, mean_kl)


def importance_weighted_terms(nll: Array, log_ratio: Array) -> tuple[VAETerms, Array]:
    r"""Return the terms of the importance-weighted bound, and the derivative of the loss by each log weight.

    With the normalised weights :math:`\tilde w_s`, reconstruction is :math:`- \sum_s \tilde w_s \log p(x|z_s)`: that
    of a draw picked according to its weight. The rest of the loss stands as kl: an estimate of the divergence of the
    distribution of such draws from the prior, which for k = 1 is :math:`\log q(z|x) / p(z)`.

    Parameters
    ----------
    nll : array (k, n) or (k * n,)
        -log p(x|z) of each draw.
    log_ratio : array (k, n)
        log p(z) / q(z|x) of each draw.

    Returns
    -------
    terms : VAETerms
    dlog_weight : array (k, n)
    """
    nll = nll.reshape(log_ratio.shape)
    bound, normalised = log_mean_exp_forward(log_ratio - nll)
    n = bound.shape[0]
    loss, reconstruction = -bound.mean(), (normalised * nll).sum() / n
    dbound = namespace(bound).full(n, -1.0 / n, dtype=bound.dtype)
    return VAETerms(loss, reconstruction, loss - reconstruction), log_mean_exp_backward(dbound, normalised)
