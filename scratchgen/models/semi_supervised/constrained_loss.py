r"""The loss of a prediction-constrained VAE and its gradient by hand.

    loss = reconstruction + beta kl + prediction_weight * prediction
           + consistency_weight * consistency + aggregate_weight * aggregate

==============  ====================  ======================================================================
symbol          shape                 meaning
==============  ====================  ======================================================================
x               (n, n_visible)        data, labelled examples first
z               (L, n, n_latent)      draws from q(z|x), by which x is reconstructed and y predicted
output          (L n, n_visible)      of the decoder, for each draw
z_again         (L n, n_latent)       draws from q(z|x_again) with x_again = E[x|z], by which y is predicted too
log_p           (1 or 2, L, n, C)     log p(y|z), and log p(y|z_again) behind it
==============  ====================  ======================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.labels import Labelled, one_hot
from scratchgen.models.semi_supervised.prediction_terms import PredictionCache, prediction_backward, prediction_forward
from scratchgen.models.semi_supervised.recoding import RecodingCache, recoding_backward, recoding_forward
from scratchgen.models.vae import EncoderCache, VAEParams
from scratchgen.ops.divergences import KLCache, kl_standard_normal_backward, kl_standard_normal_forward
from scratchgen.ops.gaussian import (
    GaussianSampleCache,
    join_heads,
    reparameterise_backward,
    reparameterise_forward,
    split_heads,
)
from scratchgen.ops.softmax import log_softmax_backward, log_softmax_forward
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.semi_supervised.prediction_constrained import (
        PredictionConstrainedParams,
        PredictionConstrainedVAE,
    )


class PredictionConstrainedTerms(NamedTuple):
    """The loss, and its terms without their weights: nats, sum over features, mean over examples."""

    loss: Any
    reconstruction: Any
    kl: Any
    prediction: Any
    consistency: Any
    aggregate: Any


class ConstrainedCache(NamedTuple):
    """What `constrained_backward` needs of the forward pass."""

    row_weights: Array
    encoder: EncoderCache
    draw: GaussianSampleCache
    kl: KLCache
    output: Array
    decoder: Any
    nll: Any
    recoding: RecodingCache | None
    classifier: Any
    p: Array
    prediction: PredictionCache


def constrained_forward(
    model: PredictionConstrainedVAE, batch: Labelled, noise: Array
) -> tuple[PredictionConstrainedTerms, ConstrainedCache]:
    """Return the terms of the loss at the present step, and the cache."""
    vae, xp, n, n_latent = model.vae, model.backend.xp, len(batch), model.n_latent
    noise = noise.reshape(-1, model.n_predictions, n, n_latent)
    heads, encoder = vae.encoder_forward(batch.x)
    mean, log_var = split_heads(heads)  # (n, n_latent)
    z, draw = reparameterise_forward(mean, log_var, noise[:, 0])  # (L, n, n_latent)
    kl, kl_cache = kl_standard_normal_forward(mean, log_var)  # (n,)
    output, decoder = vae.decoder_forward(z)  # (L n, n_visible)
    nll, nll_cache = vae.p_x_given_z.forward(output, batch.x)  # (L n,)

    codes, recoding = z.reshape(-1, n_latent), None
    if model.n_predictions == 2:
        z_again, recoding = recoding_forward(vae, output, noise[:, 1].reshape(codes.shape))
        codes = xp.concatenate([codes, z_again])  # (2 L n, n_latent)
    logits, classifier = model.classifier_network.forward(model.params.classifier, codes, model.backend)
    log_p, p = log_softmax_forward(logits.reshape(model.n_predictions, -1, n, model.n_classes))
    target = one_hot(batch.y[: batch.n_labelled], model.n_classes, model.dtype)
    predictions, prediction = prediction_forward(log_p, target, model.p_y)

    row_weights = row_weights_of(batch)
    reconstruction = (row_weights * nll.reshape(-1, n).mean(axis=0)).sum()
    mean_kl = (row_weights * kl).sum()
    constraints = sum(weight * term for weight, term in zip(model.weights_now(), predictions, strict=True))
    loss = reconstruction + model.beta_now * mean_kl + constraints
    return (
        PredictionConstrainedTerms(loss, reconstruction, mean_kl, *predictions),
        ConstrainedCache(
            row_weights, encoder, draw, kl_cache, output, decoder, nll_cache, recoding, classifier, p, prediction
        ),
    )


def constrained_backward(
    model: PredictionConstrainedVAE, cache: ConstrainedCache, grads: PredictionConstrainedParams
) -> tuple[Array, VAEParams | None, Array]:
    """Run backward as far as the encoder's top layer h; fill all other gradients.

    Returns dh, the encoder's gradient by its way over reconstructions, and the derivative by the nll of each row.
    """
    vae = model.vae
    _, n_draws, n, _ = cache.p.shape
    dlog_p = prediction_backward(model.weights_now(), cache.prediction)
    dlogits = log_softmax_backward(dlog_p, cache.p).reshape(-1, model.n_classes)
    dcodes = model.classifier_network.backward_(dlogits, cache.classifier, grads.classifier, model.backend)
    drows = dcodes[: n_draws * n]

    dnll = model.backend.xp.tile(cache.row_weights / n_draws, n_draws)
    doutput = vae.p_x_given_z.backward_(dnll, cache.nll, grads.vae.log_sigma)
    grads_again = None
    if cache.recoding is not None:
        doutput_again, grads_again = recoding_backward(vae, dcodes[n_draws * n :], cache.recoding)
        doutput += doutput_again
    drows = drows + vae.decoder_network.backward_(doutput, cache.decoder, grads.vae.decoder, model.backend)

    dmean, dlog_var = reparameterise_backward(drows.reshape(n_draws, n, -1), cache.draw)
    dmean_of_kl, dlog_var_of_kl = kl_standard_normal_backward(model.beta_now * cache.row_weights, cache.kl)
    dheads = join_heads(dmean + dmean_of_kl, dlog_var + dlog_var_of_kl)
    dh = vae.heads_backward_(dheads, cache.encoder, grads.vae)
    return dh, grads_again, dnll


def row_weights_of(batch: Labelled) -> Array:
    """Return by how much each example counts in a mean over the data that the batch stands for, (n,)."""
    n, n_labelled, share = len(batch), batch.n_labelled, batch.labelled_share
    weights = namespace(batch.x).full(n, 1.0 / n, dtype=batch.x.dtype)
    if 0 < n_labelled < n:
        weights[:n_labelled], weights[n_labelled:] = share / n_labelled, (1 - share) / (n - n_labelled)
    return weights
