r"""The bound of a conditional VAE for rows, each an example with one class, and its gradient by hand.

For row r of example i and class c, with z drawn from q(z|x_i,c):

    nll_r = -log p(x_i|c,z),   kl_r = KL(q(z|x_i,c) || p(z)),

a loss being ``sum_r weight_r (nll_r + beta kl_r)`` with a weight for each row, which may be a probability of its class.

========  ===================  ==================================================================
symbol    shape                meaning
========  ===================  ==================================================================
target    (rows, n_classes)    1 in the column of a row's class
noise     (rows, n_latent)     standard normal draws; with L of them for a row (L, rows, n_latent)
output    (L rows, n_visible)  logits, or the mean of a Gaussian
weight    (rows,)              of each row in the loss
========  ===================  ==================================================================

`scratchgen.ops.class_rows` has the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from scratchgen.labels import Labelled
from scratchgen.nn.class_encoder import ClassEncoderCache
from scratchgen.ops.class_rows import ClassRowsCache, class_rows_backward, class_rows_forward
from scratchgen.ops.divergences import KLCache, kl_standard_normal_backward
from scratchgen.ops.gaussian import (
    GaussianHeadsCache,
    GaussianSampleCache,
    join_heads,
    reparameterise_backward,
    reparameterise_kl_forward,
    split_heads,
)
from scratchgen.ops.linear import DenseCache, dense_backward_, dense_forward
from scratchgen.schedules import value_at
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE


class EncodedRows(NamedTuple):
    """Mean and log_var of q(z|x,y) of each row, and what their backward pass needs."""

    heads: Array
    layers: ClassEncoderCache
    heads_cache: DenseCache


class RowsCache(NamedTuple):
    """What `rows_backward` and `rows_grad_x` need of the forward pass; `x` holds the example of each row."""

    encoded: EncodedRows
    draw: GaussianHeadsCache
    decoder: Any
    output: Array
    x: Array
    nll: Any
    rows: ClassRowsCache


def every_class(n: int, n_classes: int, xp: Any, dtype: str) -> Array:
    """Return the target of `n` examples in class 0, then of the same in class 1, and so on."""
    return xp.repeat(xp.eye(n_classes, dtype=dtype), n, axis=0)


def encode_rows(model: ConditionalVAE, x: Array, target: Array, n_labelled: int) -> EncodedRows:
    """Return q(z|x,y) of each row."""
    p = model.params
    h, layers = model.encoder_network.forward(p.encoder, x, target, n_labelled, model.backend)
    heads, cache = dense_forward(p.heads, h, "linear", model.backend)  # (rows, 2 n_latent)
    return EncodedRows(heads, layers, cache)


def with_class(z: Array, target: Array, xp: Any) -> Array:
    """Return z and the class of each row side by side, (L rows, n_latent + n_classes)."""
    draws = z.reshape(-1, z.shape[-1])
    return xp.concatenate([draws, xp.tile(target, (len(draws) // max(len(target), 1), 1))], axis=1)


def decode_rows(model: ConditionalVAE, z: Array, target: Array) -> Array:
    """Return the decoder's output for each draw, (L rows, n_visible)."""
    inputs = with_class(z, target, model.backend.xp)
    return model.decoder_network.evaluate(model.params.decoder, inputs, model.backend)


def rows_forward(model: ConditionalVAE, batch: Labelled, target: Array, noise: Array) -> tuple[Array, Array, RowsCache]:
    """Return nll, a mean over the draws, and kl of each row, (rows,)."""
    backend = model.backend
    encoded = encode_rows(model, batch.x, target, batch.n_labelled)
    z, kl, draw = reparameterise_kl_forward(encoded.heads, noise, backend)
    inputs = with_class(z, target, backend.xp)
    output, decoder = model.decoder_network.forward(model.params.decoder, inputs, backend)
    x, rows = class_rows_forward(batch.x, batch.n_labelled, model.n_classes)
    nll, nll_cache = model.p_x_given_z.forward(output, x)
    return nll.reshape(-1, len(kl)).mean(axis=0), kl, RowsCache(encoded, draw, decoder, output, x, nll_cache, rows)


def rows_backward(model: ConditionalVAE, weight: Array, cache: RowsCache, grads: Any) -> Array:
    """Return the gradient with respect to the encoder's top layer; fill those of all that comes after it."""
    doutput = model.p_x_given_z.backward_(_dnll(model, weight, cache), cache.nll, grads.log_sigma)
    dinputs = model.decoder_network.backward_(doutput, cache.decoder, grads.decoder, model.backend)
    dz = dinputs[:, : model.n_latent].reshape(cache.draw.noise.shape)  # the class needs none
    mean, log_var = split_heads(cache.encoded.heads)
    dmean, dlog_var = reparameterise_backward(dz, GaussianSampleCache(mean, log_var, cache.draw.noise))
    dkl = value_at(model.beta, model.step) * weight  # it differs from row to row: the fused kernel has one for all
    dmean_of_kl, dlog_var_of_kl = kl_standard_normal_backward(dkl, KLCache(mean, log_var))
    dheads = join_heads(dmean + dmean_of_kl, dlog_var + dlog_var_of_kl)
    return dense_backward_(dheads, cache.encoded.heads_cache, grads.heads, model.backend)[0]


def rows_grad_x(model: ConditionalVAE, dh: Array, weight: Array, cache: RowsCache, grads: Any) -> Array:
    """Return the gradient with respect to the examples, which enter the encoder and are to be reproduced."""
    dx = model.encoder_network.backward_(dh, cache.encoded.layers, grads.encoder, model.backend)
    drows = model.p_x_given_z.grad_x(cache.output, cache.x, _dnll(model, weight, cache))
    return dx + class_rows_backward(drows, cache.rows)


def _dnll(model: ConditionalVAE, weight: Array, cache: RowsCache) -> Array:
    """Return the derivative of the loss by the nll of each draw."""
    n_draws = len(cache.output) // max(len(weight), 1)
    return model.backend.xp.tile(weight / n_draws, n_draws)
