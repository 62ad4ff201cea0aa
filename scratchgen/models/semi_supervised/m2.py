r"""M2: a conditional VAE with a classifier q(y|x), which infers the classes that it is not told. All gradients by hand.

With p(y) the prior of the classes, an example whose class is known has the bound

.. math:: L(x, y) = E_q[-\log p(x|y,z)] + \beta KL(q(z|x,y) \| p(z)) - \log p(y),

and one whose class is not known has the expectation of it over the classifier's opinion, less the entropy of that:

.. math:: U(x) = \sum_c q(c|x) L(x, c) - H(q(y|x)).

The sum over the classes is exact: each class of each unlabelled example makes a row (`scratchgen.ops.class_rows`), all
with the same draw of noise. With s the share of labelled examples in the data,

    loss = s mean_labelled L(x, y) + (1 - s) mean_unlabelled U(x) + classification_weight mean_labelled[-log q(y|x)].

Over n examples this is J / n of the paper (equation 9) with alpha = classification_weight n; there alpha is 0.1 n.

The classifier has two teachers, the labels and the bounds of unlabelled examples. While the networks that compute the
bounds know little yet, the second confirms the classifier in whatever it thinks, right or wrong, until it is so sure
that no gradient is left. `bound_feedback` says how much of that teacher's part of the gradient training follows: with 0
until encoder and decoder have learnt what the classifier's classes look like, and 1 from then on, the bounds correct
it. The loss and its gradient, as `loss_and_grad` returns them, do not know of it.

======  ===================  =================================================================
symbol  shape                meaning
======  ===================  =================================================================
log_q   (n, n_classes)       log q(y|x)
weight  (rows,)              s / n_labelled, and (1 - s) q(c|x) / n_unlabelled for each class c
======  ===================  =================================================================

References
----------
D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling: "Semi-supervised learning with deep generative models", NeurIPS
2014, section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.labels import Labelled, one_hot
from scratchgen.models.gaussian_latents import GaussianHeads
from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE
from scratchgen.models.semi_supervised.labelled_model import LabelledModel
from scratchgen.models.semi_supervised.networks import features
from scratchgen.models.semi_supervised.rows import RowsCache, every_class, rows_backward, rows_forward, rows_grad_x
from scratchgen.nn.mlp import mlp_initialise_
from scratchgen.nn.networks import DenseNetwork, Network
from scratchgen.nn.parameters import Shape
from scratchgen.ops.linear import LinearCache, LinearParams, linear_backward, linear_forward
from scratchgen.ops.softmax import log_softmax_backward, log_softmax_forward
from scratchgen.random import Stream
from scratchgen.schedules import Schedule, check_schedule, value_at
from scratchgen.typing import Array
from scratchgen.validation import check_nonnegative


class M2Params(NamedTuple):
    """Parameters of a conditional VAE and of the classifier: its layers, and the last, which gives the logits."""

    encoder: tuple[Any, ...]
    heads: GaussianHeads
    decoder: tuple[Any, ...]
    log_sigma: Any
    classifier: tuple[Any, ...]
    logits: LinearParams


class M2Terms(NamedTuple):
    """``loss = reconstruction + beta * kl + class_kl + classification_weight * classification``, in nats.

    `reconstruction` and `kl` are expectations over q(y|x) where the class is unknown. `class_kl` is the mean of
    KL(q(y|x) || p(y)), where q puts all on the label if there is one: then it is -log p(y). `classification` is the
    mean of -log q(y|x) over the labelled examples.
    """

    loss: Any
    reconstruction: Any
    kl: Any
    class_kl: Any
    classification: Any


class BackwardPass(NamedTuple):
    """What is left to do for the gradients of encoder and classifier: that of the top layer of each, and its cache."""

    dh: Array
    rows: RowsCache
    weight: Array
    dfeatures: Array
    classifier: Any


def expected_bound_backward(q: Array, bound: Array, log_q: Array, log_prior: Array) -> Array:
    """Return the derivative of ``sum_c q_c (bound_c + log q_c - log p_c)`` by each log q_c; all (n, n_classes).

    As dq_c / dlog q_c = q_c, it is q_c (bound_c + log q_c - log p_c + 1).
    """
    return q * (bound + log_q - log_prior + 1)


class M2(ConditionalVAE):
    """Semi-supervised VAE with a classifier: Kingma's M2.

    Parameters
    ----------
    n_visible, n_classes, hidden, n_latent
        As of `ConditionalVAE`; the classifier's hidden layers are as wide as the encoder's.
    classification_weight : float
        Of -log q(y|x) of the labelled examples in the loss. The paper has 0.1; where the reconstruction term changes by
        many nats, as for a Gaussian of small sigma, the labels need more weight, 1 to 10.
    bound_feedback : float or schedule
        How much of its gradient by the bounds of unlabelled examples the classifier follows in training: see above.
        With few labels `scratchgen.schedules.Delay`, by about half of all steps, serves well.
    **options
        As of `ConditionalVAE`: likelihood, beta, decoder_hidden, activation, output_mean, sigma, n_samples, binarise,
        class_prior, image_shape, channels, kernel, seed, dtype, backend.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> m2 = sg.M2(n_visible=64, hidden=(32,), n_latent=5, seed=0)
    >>> y = sg.hide_labels(data.y_train, 100, seed=0)
    >>> history = m2.fit(data.x_train, y, epochs=2, batch_size=64, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    >>> m2.predict(data.x_test).shape == data.y_test.shape
    True
    """

    term_names = M2Terms._fields

    def __init__(
        self,
        n_visible: int,
        n_classes: int = 10,
        hidden: tuple[int, ...] = (500,),
        n_latent: int = 50,
        *,
        classification_weight: float = 0.1,
        bound_feedback: Schedule = 1.0,
        **options: Any,
    ) -> None:
        self.classification_weight = check_nonnegative("classification_weight", classification_weight)
        self.bound_feedback = check_schedule("bound_feedback", bound_feedback)
        super().__init__(n_visible, n_classes, hidden, n_latent, **options)
        own = {"classification_weight": self.classification_weight, "bound_feedback": bound_feedback}
        self.settings = self.settings | own

    def _classifier(self) -> Network:
        """Return the classifier but for its last layer."""
        if self.images is not None:
            return features(self.n_visible, self.hidden[0], self.activation, self.images)
        return DenseNetwork((self.n_visible, *self.hidden), (self.activation,) * len(self.hidden))

    def _layout(self) -> M2Params:
        self.classifier_network = self._classifier()
        logits = LinearParams(Shape((self.classifier_network.n_outputs, self.n_classes)), Shape((self.n_classes,)))
        of_vae = super()._layout()._asdict()
        return M2Params(**of_vae, classifier=self.classifier_network.layout(), logits=logits)

    def _initialise_(self, stream: Stream) -> None:
        super()._initialise_(stream)
        self.classifier_network.initialise_(self.params.classifier, stream)
        mlp_initialise_((self.params.logits,), stream)
        # Before anything is learnt no class shall explain an example better than another: by chance it would, by
        # several nats, and the classifier would follow that sooner than the labels.
        self.params.encoder[-len(self.hidden)].V[...] = 0
        self.params.decoder[0].W[self.n_latent :] = 0

    check_data = LabelledModel.check_data
    monitor = LabelledModel.monitor

    def n_rows(self, batch: Labelled) -> int:
        """Return the number of rows of a batch: one for each class that an example may have."""
        return batch.n_labelled + self.n_classes * (len(batch) - batch.n_labelled)

    def draw_noise(self, x: Labelled, stream: Stream | None = None) -> Array:
        """Draw the noise of a batch, (rows, n_latent) or (n_samples, rows, n_latent): one draw for all classes.

        So the bounds of an example in one class and in another differ by the class, and not by the luck of a draw.
        """
        stream, n = stream or self.streams["training_noise"], x.n_labelled
        samples = (self.n_samples,) if self.n_samples > 1 else ()
        noise = stream.normal((*samples, len(x), self.n_latent), self.dtype)
        every = self.backend.xp.tile(noise[..., n:, :], (self.n_classes, 1))
        return self.backend.xp.concatenate([noise[..., :n, :], every], axis=-2)

    def target(self, x: Labelled) -> Array:
        """Return the class of each row, (rows, n_classes): of an unlabelled example each class in turn."""
        label = one_hot(x.y[: x.n_labelled], self.n_classes, self.dtype)
        others = every_class(len(x) - x.n_labelled, self.n_classes, self.backend.xp, self.dtype)
        return self.backend.xp.concatenate([label, others])

    # ------------------------------------------------------------------------------------------ loss and gradient

    def evaluate_terms(self, x: Labelled, noise: Array) -> M2Terms:
        """Return the terms of the loss, without gradient and without checking the input."""
        log_q, q, *_ = self._classifier_forward(x.x)
        nll, kl, _ = rows_forward(self, x, self.target(x), noise)
        return self._weigh(x, log_q, q, nll, kl)[0]

    def scheduled_values(self) -> dict[str, float]:
        """Return beta and the feedback of the bounds at the present step."""
        return super().scheduled_values() | {"bound_feedback": value_at(self.bound_feedback, self.step)}

    def training_terms_(self, x: Labelled, stream: Stream, out: Any) -> M2Terms:
        """Draw the noise and return the terms; `out` receives the gradient, with the present `bound_feedback`."""
        feedback = value_at(self.bound_feedback, self.step)
        return self._terms_and_direction(x, self.draw_batch_noise(x, stream), out, feedback)

    def evaluate_terms_and_grads(self, x: Labelled, noise: Array, out: Any = None) -> Any:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        return self._terms_and_direction(x, noise, grads), grads

    def _terms_and_direction(self, x: Labelled, noise: Array, grads: M2Params, feedback: float = 1.0) -> M2Terms:
        """Return the terms; `grads` receives the gradient, with `feedback` times what bounds do to the classifier."""
        terms, passed = self._backward_to_networks(x, noise, grads, feedback)
        self.classifier_network.backward_params_(passed.dfeatures, passed.classifier, grads.classifier, self.backend)
        self.encoder_network.backward_params_(passed.dh, passed.rows.encoded.layers, grads.encoder, self.backend)
        return terms

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the examples, (n, n_visible).

        The examples enter the classifier and the encoder, and are what the decoder is asked to reproduce.
        """
        x = self.check_data(x)
        grads = self.empty_grads()[1]
        _, passed = self._backward_to_networks(x, self._check_noise(x, noise), grads)
        dx = self.classifier_network.backward_(passed.dfeatures, passed.classifier, grads.classifier, self.backend)
        return dx + rows_grad_x(self, passed.dh, passed.weight, passed.rows, grads)

    def _backward_to_networks(
        self, x: Labelled, noise: Array, grads: M2Params, feedback: float = 1.0
    ) -> tuple[M2Terms, BackwardPass]:
        """Run forward, then backward as far as the top layers of classifier and encoder; fill all other gradients."""
        log_q, q, classifier, logits = self._classifier_forward(x.x)
        nll, kl, rows = rows_forward(self, x, self.target(x), noise)
        terms, weight, dlog_q = self._weigh(x, log_q, q, nll, kl)
        dlog_q[x.n_labelled :] *= feedback
        dh = rows_backward(self, weight, rows, grads)
        dfeatures, _ = linear_backward(log_softmax_backward(dlog_q, q), logits, grads.logits)
        return terms, BackwardPass(dh, rows, weight, dfeatures, classifier)

    def _weigh(self, x: Labelled, log_q: Array, q: Array, nll: Array, kl: Array) -> tuple[M2Terms, Array, Array]:
        """Return the terms, the weight of each row in the loss, and the gradient with respect to log_q."""
        xp, n, n_labelled = self.backend.xp, len(x), x.n_labelled
        beta, log_prior = value_at(self.beta, self.step), xp.log(self.p_y)
        per_labelled = x.labelled_share / max(n_labelled, 1)
        per_unlabelled = (1 - x.labelled_share) / max(n - n_labelled, 1)
        label = one_hot(x.y[:n_labelled], self.n_classes, self.dtype)
        known, unknown, q = log_q[:n_labelled], log_q[n_labelled:], q[n_labelled:]

        weight = xp.concatenate([per_labelled * label.sum(axis=1), per_unlabelled * q.T.reshape(-1)])
        reconstruction, mean_kl = (weight * nll).sum(), (weight * kl).sum()
        class_kl = per_unlabelled * (q * (unknown - log_prior)).sum() - per_labelled * (label * log_prior).sum()
        classification = -(label * known).sum() / max(n_labelled, 1)
        loss = reconstruction + beta * mean_kl + class_kl + self.classification_weight * classification

        bound = (nll + beta * kl)[n_labelled:].reshape(self.n_classes, -1).T  # (n_unlabelled, n_classes)
        dknown = -self.classification_weight / max(n_labelled, 1) * label
        dunknown = per_unlabelled * expected_bound_backward(q, bound, unknown, log_prior)
        terms = M2Terms(loss, reconstruction, mean_kl, class_kl, classification)
        return terms, weight, xp.concatenate([dknown, dunknown])

    # ------------------------------------------------------------------------------------------------- classifier

    def _classifier_forward(self, x: Array) -> tuple[Array, Array, Any, LinearCache]:
        """Return log q(y|x) and q(y|x), (n, n_classes), and the caches of the layers and of the last one."""
        features, layers = self.classifier_network.forward(self.params.classifier, x, self.backend)
        logits, cache = linear_forward(self.params.logits, features, self.backend.precision)
        return *log_softmax_forward(logits), layers, cache

    def class_probabilities(self, x: Array) -> Array:  # type: ignore[override]  # nothing to choose here
        """Return q(y|x), (n, n_classes), without checking the input."""
        return self._classifier_forward(x)[1]
