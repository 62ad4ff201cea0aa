"""What a conditional VAE knows of log p(x|y): its bound, an importance-sampled estimate, and p(y|x) by Bayes' rule.

The three are methods of `scratchgen.models.semi_supervised.conditional_vae.ConditionalVAE`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scratchgen import importance_sampling
from scratchgen.models.semi_supervised.rows import EncodedRows, decode_rows, encode_rows, every_class
from scratchgen.ops.class_rows import class_rows_forward
from scratchgen.ops.gaussian import reparameterise_kl_forward, split_heads
from scratchgen.ops.softmax import log_softmax_forward
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count

if TYPE_CHECKING:
    from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE

Estimate = Callable[["ConditionalVAE", Array, Array, EncodedRows, int, Stream], Array]

_CHUNK_ROWS = 1024  # examples evaluated at a time


def elbo(self: ConditionalVAE, x: Any, y: Any, n_samples: int = 1, stream: Stream | None = None) -> Array:
    """Return the lower bound of log p(x|y) of each example, in nats, (n,): -(reconstruction + KL), beta = 1.

    The KL divergence is exact; the reconstruction is a mean over `n_samples` draws of z.
    """
    return _of_pairs(self, _bound, x, y, n_samples, stream)


def log_likelihood(self: ConditionalVAE, x: Any, y: Any, n_samples: int = 5000, stream: Stream | None = None) -> Array:
    """Return an importance-sampled estimate of log p(x|y) of each example, in nats, (n,).

    A lower bound in expectation, which rises to log p(x|y) with `n_samples`; see `scratchgen.importance_sampling`.
    """
    return _of_pairs(self, _importance_sampled, x, y, n_samples, stream)


def class_probabilities(
    self: ConditionalVAE, x: Array, method: str = "importance", n_samples: int = 10, stream: Stream | None = None
) -> Array:
    """Return p(y|x) by Bayes' rule, p(x|y) p(y) / sum_c p(x|c) p(c), without checking the examples; (n, n_classes).

    Parameters
    ----------
    method : {"importance", "elbo"}
        What stands for log p(x|y): `log_likelihood` or `elbo`, with `n_samples` draws for each class.
    """
    method, n_samples = check_choice("method", method, ("importance", "elbo")), check_count("n_samples", n_samples)
    estimate: Estimate = _importance_sampled if method == "importance" else _bound
    xp = self.backend.xp
    target = every_class(len(x), self.n_classes, xp, self.dtype)
    q = encode_rows(self, x, target, 0)
    rows, _ = class_rows_forward(x, 0, self.n_classes)
    log_p = estimate(self, rows, target, q, n_samples, stream or self.streams["sampling"])
    return log_softmax_forward(log_p.reshape(self.n_classes, -1).T + xp.log(self.p_y))[1]


def _of_pairs(
    model: ConditionalVAE, estimate: Estimate, x: Any, y: Any, n_samples: int, stream: Stream | None
) -> Array:
    """Return the estimate for examples with their labels, computed for a few at a time."""
    (x, target), n_samples = model.check_pairs(x, y), check_count("n_samples", n_samples)
    parts = []
    for start in range(0, len(x), _CHUNK_ROWS):
        rows, classes = x[start : start + _CHUNK_ROWS], target[start : start + _CHUNK_ROWS]
        q = encode_rows(model, rows, classes, len(rows))
        parts.append(estimate(model, rows, classes, q, n_samples, stream or model.streams["sampling"]))
    return model.backend.xp.concatenate(parts)


def _bound(model: ConditionalVAE, x: Array, target: Array, q: EncodedRows, n_samples: int, stream: Stream) -> Array:
    noise = stream.normal((n_samples, len(x), model.n_latent), model.dtype)
    z, kl, _ = reparameterise_kl_forward(q.heads, noise, model.backend)
    nll = model.p_x_given_z.nll(decode_rows(model, z, target), x)
    return -nll.reshape(n_samples, -1).mean(axis=0) - kl


def _importance_sampled(
    model: ConditionalVAE, x: Array, target: Array, q: EncodedRows, n_samples: int, stream: Stream
) -> Array:
    def nll(z: Array, pairs: Array) -> Array:
        x, target = model.backend.asarray(pairs[:, : model.n_visible]), pairs[:, model.n_visible :]
        return model.p_x_given_z.nll(decode_rows(model, z, target), x).reshape(z.shape[:-1])

    pairs = model.backend.xp.concatenate([x, target], axis=1)  # the estimate goes through parts of the rows
    return importance_sampling.log_likelihood(pairs, *split_heads(q.heads), nll, n_samples, stream)
