"""The code of a reconstruction: from the decoder's output through E[x|z] and the encoder to another draw of z.

    x_again = E[x|z],   z_again ~ q(z|x_again)

======  =================  =====================================================
symbol  shape              meaning
======  =================  =====================================================
output  (rows, n_visible)  what the decoder's last layer gives for each draw of z
noise   (rows, n_latent)   standard normal draws
======  =================  =====================================================
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.models.vae import VAE, EncoderCache, VAEParams
from scratchgen.ops.gaussian import (
    GaussianSampleCache,
    join_heads,
    reparameterise_backward,
    reparameterise_forward,
    split_heads,
)
from scratchgen.typing import Array


class RecodingCache(NamedTuple):
    """What `recoding_backward` needs of the forward pass."""

    x_again: Array
    encoder: EncoderCache
    draw: GaussianSampleCache


def recoding_forward(vae: VAE, output: Array, noise: Array) -> tuple[Array, RecodingCache]:
    """Return z_again, (rows, n_latent)."""
    x_again = vae.p_x_given_z.mean(output)
    heads, encoder = vae.encoder_forward(x_again)
    z_again, draw = reparameterise_forward(*split_heads(heads), noise)
    return z_again, RecodingCache(x_again, encoder, draw)


def recoding_backward(vae: VAE, dz_again: Array, cache: RecodingCache) -> tuple[Array, VAEParams]:
    """Return the gradients with respect to the output and, on this way alone, the encoder's parameters."""
    grads = vae.empty_grads()[1]
    dmean, dlog_var = reparameterise_backward(dz_again, cache.draw)
    dh = vae.heads_backward_(join_heads(dmean, dlog_var), cache.encoder, grads)
    dx_again = vae.encoder_network.backward_(dh, cache.encoder.layers, grads.encoder, vae.backend)
    return vae.p_x_given_z.mean_backward(dx_again, cache.x_again), grads


def add_encoder_grads_(total: VAEParams, part: VAEParams) -> None:
    """Add to the gradient of the encoder and its heads that of another way through them."""
    for into, layer in zip((*total.encoder, total.heads), (*part.encoder, part.heads), strict=True):
        into.W[...] += layer.W
        into.b[...] += layer.b
