r"""The prediction-constrained variational autoencoder: one code from which both the data and the label can be read.

A VAE is trained on all examples, labelled or not, such that a classifier p(y|z) predicts the labels from its codes:

.. math::
    \min \; E[-\text{ELBO}(x)] \quad \text{such that} \quad
    E_{\text{labelled}} \, E_{q(z|x)} [-\log p(y|z)] \le \epsilon

A constraint stands in the loss with a multiplier, its weight; two more may be added to that of the prediction
(`scratchgen.models.semi_supervised.prediction_terms`):

    loss = reconstruction + beta kl + prediction_weight * prediction
           + consistency_weight * consistency + aggregate_weight * aggregate.

`scratchgen.models.semi_supervised.constrained_loss` has the loss and its gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.labels import Labelled
from scratchgen.models.semi_supervised.constrained_loss import (
    PredictionConstrainedTerms,
    constrained_backward,
    constrained_forward,
)
from scratchgen.models.semi_supervised.features import feature_vae, settings_of
from scratchgen.models.semi_supervised.labelled_model import CLASS_PRIORS, LabelledModel
from scratchgen.models.semi_supervised.prediction_terms import PredictionTerms
from scratchgen.models.semi_supervised.recoding import add_encoder_grads_
from scratchgen.models.vae import VAEParams
from scratchgen.nn.networks import DenseNetwork
from scratchgen.ops.gaussian import reparameterise_forward, split_heads
from scratchgen.ops.softmax import log_softmax_forward
from scratchgen.random import Stream
from scratchgen.schedules import Schedule, check_schedule, value_at
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count, check_widths


class PredictionConstrainedParams(NamedTuple):
    """Parameters of the VAE and of the classifier's layers, or their gradient."""

    vae: VAEParams
    classifier: tuple[Any, ...]


class PredictionConstrainedVAE(LabelledModel):
    """Variational autoencoder whose codes must predict the labels: learns from few labels and many examples.

    Parameters
    ----------
    n_visible : int
        Features of an example.
    n_classes : int
    hidden : tuple of int
        Widths of the encoder's hidden layers, mirrored in the decoder unless decoder_hidden is given.
    n_latent : int
    classifier_hidden : tuple of int
        Widths of the hidden layers of the classifier p(y|z); empty for a linear one.
    prediction_weight : float or schedule
        Multiplier of the prediction constraint; a schedule is a function of the step.
    consistency_weight : float or schedule
        Multiplier of the consistency constraint. Above 0, each reconstruction is encoded again, and what is predicted
        from its code compared with the label, or with what was predicted from the first code.
    aggregate_weight : float or schedule
        Multiplier of the divergence of the class prior and the mean prediction for the unlabelled examples of a batch.
    class_prior : {"uniform", "estimated"}
        Each class as likely as the others, or as frequent as among the labelled examples at the start of training.
    activation : str
        Of all hidden layers.
    image_shape : tuple of int, optional
        Makes the VAE convolutional, with `hidden` the width of its dense layer; then `channels` and `kernel` of
        `ConvVAE` may be given.
    seed, dtype, backend
        As of `VAE`.
    **options
        As of `VAE`: likelihood, beta, decoder_hidden, output_mean, sigma, n_samples, binarise.

    Attributes
    ----------
    vae : VAE or ConvVAE
        Its parameters are views of this model's: `sample`, `decode`, `elbo` and whatever else needs no labels are its
        methods. ``model.vae.fit(x, ...)`` before ``model.fit(x, y, ...)`` trains it without labels first.

    Notes
    -----
    From Hope et al. are the prediction constraint, the consistency of the predictions for labelled and unlabelled
    examples, and the constraint on the aggregate of the predictions. It differs from the paper in this:

    - The multipliers are given, constant or by a schedule. No tolerance (epsilon) is set and met by raising them.
    - The reconstruction that is encoded again is E[x|z], not a draw from p(x|z), through which no gradient could pass.
    - Cross-entropies and the divergence are differentiated by both of their distributions, p(y|z) as p(y|z_again).
    - There are no latent variables for spatial transformations.

    On MNIST with 100 labels the prediction constraint alone learns its few labels by heart: 74 % of the test set were
    right, as many as by logistic regression on the pixels. With consistency and aggregate, both weights rising to 50
    over the first 2,000 steps, 86 % were right after 6 epochs, and 88 % after 5 with two hidden layers of 500 units.

    Reconstruction and KL divergence are means over all examples: where a batch holds more labelled examples than their
    share in the data, each of them counts less. Prediction and consistency are means over the labelled examples.

    References
    ----------
    M. C. Hughes, G. Hope, L. Weiner, T. H. McCoy, R. H. Perlis, E. B. Sudderth, F. Doshi-Velez: "Semi-supervised
    prediction-constrained topic models", AISTATS 2018.
    G. Hope, M. Abdrakhmanova, X. Chen, M. C. Hughes, E. B. Sudderth: "Learning consistent deep generative models from
    sparse data via prediction constraints", arXiv:2012.06718, 2020.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> y = sg.hide_labels(data.y_train, 100)
    >>> model = sg.PredictionConstrainedVAE(64, hidden=(64,), n_latent=10, consistency_weight=10.0)
    >>> history = model.fit(data.x_train, y, epochs=30, batch_size=64, progress=False)
    >>> model.accuracy(data.x_test, data.y_test) > 0.8
    True
    """

    term_names = PredictionConstrainedTerms._fields

    def __init__(
        self,
        n_visible: int,
        n_classes: int = 10,
        hidden: tuple[int, ...] = (500,),
        n_latent: int = 50,
        *,
        classifier_hidden: tuple[int, ...] = (),
        prediction_weight: Schedule = 10.0,
        consistency_weight: Schedule = 0.0,
        aggregate_weight: Schedule = 0.0,
        class_prior: str = "uniform",
        activation: str = "softplus",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
        **options: Any,
    ) -> None:
        if options.get("objective", "elbo") != "elbo":
            raise InputError("a prediction-constrained VAE minimises the negative ELBO: leave objective out")
        self.n_classes = check_count("n_classes", n_classes, 2)
        self.classifier_hidden = check_widths("classifier_hidden", classifier_hidden)
        self.prediction_weight = check_schedule("prediction_weight", prediction_weight)
        self.consistency_weight = check_schedule("consistency_weight", consistency_weight)
        self.aggregate_weight = check_schedule("aggregate_weight", aggregate_weight)
        self.class_prior = check_choice("class_prior", class_prior, CLASS_PRIORS)
        everywhere: dict[str, Any] = {"seed": seed, "dtype": dtype, "backend": backend}
        self.vae = feature_vae(n_visible, hidden, n_latent, activation=activation, **options, **everywhere)
        self.n_visible, self.hidden, self.n_latent = self.vae.n_visible, self.vae.hidden, self.vae.n_latent
        self.classifier_network = DenseNetwork(
            (self.n_latent, *self.classifier_hidden, self.n_classes),
            (*(activation,) * len(self.classifier_hidden), "linear"),
        )
        settings = settings_of(self.vae) | {
            "n_classes": self.n_classes,
            "classifier_hidden": self.classifier_hidden,
            "prediction_weight": prediction_weight,
            "consistency_weight": consistency_weight,
            "aggregate_weight": aggregate_weight,
            "class_prior": class_prior,
        }
        layout = PredictionConstrainedParams(self.vae.layout, self.classifier_network.layout())
        super().__init__(settings, layout, **everywhere)

    def _initialise_(self, stream: Stream) -> None:
        """Start the VAE as it starts by itself, then move its parameters into the buffer of this model."""
        self.vae.reset()
        place = self.theta[: self.vae.theta.size]
        place[...] = self.vae.theta
        self.vae.theta, self.vae.params = place, self.params.vae
        self.classifier_network.initialise_(self.params.classifier, stream)

    def adapt_to_data_(self, x: Labelled) -> None:
        """Set the decoder's output bias as `VAE` does, and the class prior where it is to be estimated."""
        self.vae.adapt_to_data_(x.x)
        self.estimate_prior_(x)

    # -------------------------------------------------------------------------------------- data, noise, schedules

    def check_examples(self, x: Any, name: str = "x") -> Array:
        """Return `x` as the VAE takes it."""
        return self.vae.check_data(x, name)

    def draw_examples(self, x: Array, stream: Stream) -> Array:
        """Return the examples, drawn afresh where they are to be binarised."""
        return self.vae.draw_data(x, stream)

    @property
    def n_predictions(self) -> int:
        """Return how often a loss predicts: 2 where reconstructions are encoded again."""
        return 1 if self.consistency_weight == 0 else 2

    def noise_shape(self, x: Labelled) -> tuple[int, ...]:
        """Return (n, n_latent); or (2, n, n_latent), for codes and for those of reconstructions."""
        one = self.vae.noise_shape(x.x)
        return one if self.n_predictions == 1 else (2, *one)

    def draw_noise(self, x: Labelled, stream: Stream | None = None) -> Array:
        """Draw the noise of a batch, with n_samples in front where there is more than one."""
        samples = (self.vae.n_samples,) if self.vae.n_samples > 1 else ()
        stream = stream or self.streams["training_noise"]
        return stream.normal((*samples, *self.noise_shape(x)), self.dtype)

    def scheduled_values(self) -> dict[str, float]:
        """Return beta and the weights of the constraints at the present step."""
        weights = self.weights_now()._asdict()
        return {"beta": self.beta_now} | {f"{name}_weight": weight for name, weight in weights.items()}

    @property
    def beta_now(self) -> float:
        """Return beta at the present step."""
        return value_at(self.vae.beta, self.step)

    def weights_now(self) -> PredictionTerms:
        """Return the weights of the constraints at the present step."""
        schedules = (self.prediction_weight, self.consistency_weight, self.aggregate_weight)
        return PredictionTerms(*(value_at(schedule, self.step) for schedule in schedules))

    # ------------------------------------------------------------------------------------------- loss and gradient

    def evaluate_terms(self, x: Labelled, noise: Array) -> PredictionConstrainedTerms:
        """Return the terms of the loss, without gradient and without checking the input."""
        return constrained_forward(self, x, noise)[0]

    def evaluate_terms_and_grads(
        self, x: Labelled, noise: Array, out: PredictionConstrainedParams | None = None
    ) -> tuple[PredictionConstrainedTerms, PredictionConstrainedParams]:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        terms, cache = constrained_forward(self, x, noise)
        dh, grads_again, _ = constrained_backward(self, cache, grads)
        self.vae.encoder_network.backward_params_(dh, cache.encoder.layers, grads.vae.encoder, self.backend)
        if grads_again is not None:
            add_encoder_grads_(grads.vae, grads_again)
        return terms, grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the data, (n, n_visible), labelled examples first.

        The data enter the encoder, and are what the decoder is asked to reproduce.
        """
        x = self.check_data(x)
        grads = self.empty_grads()[1]
        _, cache = constrained_forward(self, x, self._check_noise(x, noise))
        dh, _, dnll = constrained_backward(self, cache, grads)
        dx = self.vae.encoder_network.backward_(dh, cache.encoder.layers, grads.vae.encoder, self.backend)
        return dx + self.vae.p_x_given_z.grad_x(cache.output, x.x, dnll)

    # -------------------------------------------------------------------------------------------------- using it

    def encode(self, x: Any) -> tuple[Array, Array]:
        """Return mean and log_var of q(z|x), each (n, n_latent)."""
        return self.vae.encode(x)

    def class_probabilities(self, x: Array, n_samples: int | None = None) -> Array:
        """Return p(y|z) at the mean of q(z|x), or its mean over `n_samples` draws from q(z|x): (n, n_classes)."""
        mean, log_var = split_heads(self.vae.encoder_forward(x)[0])
        if n_samples is None:
            return self._p_y_given_z(mean)
        noise = self.streams["sampling"].normal((check_count("n_samples", n_samples), *mean.shape), self.dtype)
        z, _ = reparameterise_forward(mean, log_var, noise)  # (n_samples, n, n_latent)
        return self._p_y_given_z(z.reshape(-1, self.n_latent)).reshape(*z.shape[:2], -1).mean(axis=0)

    def _p_y_given_z(self, z: Array) -> Array:
        logits = self.classifier_network.evaluate(self.params.classifier, z, self.backend)
        return log_softmax_forward(logits)[1]
