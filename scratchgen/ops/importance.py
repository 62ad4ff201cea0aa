r"""Importance weights of draws from q(z|x), and the bound that their mean gives.

.. math::
    \log w_s = \log p(x \mid z_s) + \log \frac{p(z_s)}{q(z_s \mid x)}, \quad z_s \sim q(z \mid x), \quad
    \log p(x) \geq \mathrm{E}\Big[ \log \frac1k \sum_s w_s \Big]

=========  ==================  ==============================================================
symbol     shape               meaning
=========  ==================  ==============================================================
mean       (n, latent)         mean of q(z|x)
log_var    (n, latent)         logarithm of its variances; sigma = exp(log_var / 2)
noise, z   (k, n, latent)      standard normal draws, and z = mean + sigma * noise
=========  ==================  ==============================================================

References
----------
Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016, equations 8 and 13.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.ops.gaussian import GaussianSampleCache, reparameterise_backward, reparameterise_forward
from scratchgen.typing import Array, Float


class RatioCache(NamedTuple):
    """What `reparameterise_ratio_backward` needs of the forward pass."""

    sample: GaussianSampleCache
    z: Array


def reparameterise_ratio_forward(
    mean: Float[Array, "n latent"], log_var: Float[Array, "n latent"], noise: Float[Array, "k n latent"]
) -> tuple[tuple[Float[Array, "k n latent"], Float[Array, "k n"]], RatioCache]:
    r"""Return z and :math:`\log p(z) / q(z|x) = \frac12 \sum_j (\epsilon_j^2 - z_j^2 + \log \sigma_j^2)`.

    The normalising constants of p(z) = N(0, I) and of q cancel; epsilon stands for the noise.

    Gradient
    --------
    The noise is fixed. The ratio falls with z at the rate z, and rises with log_var by itself at the rate 1/2:

        dz += -dratio z,   then as in `scratchgen.ops.gaussian.reparameterise_forward`;   dlog_var += sum_s dratio / 2.
    """
    xp = namespace(mean, log_var, noise)
    z, cache = reparameterise_forward(mean, log_var, noise)
    ratio = 0.5 * (xp.sum(noise * noise - z * z, axis=-1) + xp.sum(log_var, axis=-1))  # (k, n)
    return (z, ratio), RatioCache(cache, z)


def reparameterise_ratio_backward(
    dy: tuple[Float[Array, "k n latent"], Float[Array, "k n"]], cache: RatioCache
) -> tuple[Float[Array, "n latent"], Float[Array, "n latent"]]:
    """Return ``(dmean, dlog_var)`` for ``dy = (dz, dratio)``."""
    dz, dratio = dy
    xp = namespace(dz, dratio)
    dmean, dlog_var = reparameterise_backward(dz - dratio[:, :, None] * cache.z, cache.sample)
    return dmean, dlog_var + 0.5 * xp.sum(dratio, axis=0)[:, None]


def log_mean_exp_forward(log_weight: Float[Array, "k n"]) -> tuple[Float[Array, " n"], Float[Array, "k n"]]:
    r"""Return :math:`\log \frac1k \sum_s w_s` of each example; the cache holds the normalised weights.

    Gradient
    --------
    The derivative of the logarithm of a sum of exponentials is the normalised weight of each:

        dlog_weight_s = dbound w_s / sum w.
    """
    xp = namespace(log_weight)
    largest = xp.max(log_weight, axis=0)
    relative = xp.exp(log_weight - largest)  # at most 1: the sum neither overflows nor vanishes
    total = xp.sum(relative, axis=0)
    return largest + xp.log(total / log_weight.shape[0]), relative / total


def log_mean_exp_backward(dbound: Float[Array, " n"], normalised: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """Return dlog_weight."""
    return dbound[None, :] * normalised
