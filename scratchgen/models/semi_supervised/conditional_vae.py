r"""The conditional VAE: encoder and decoder see the class of an example. Forward and backward by hand.

    q(z|x,y) = N(mean(x, y), diag exp(log_var(x, y))),   p(z) = N(0, I),   p(x|y,z) Bernoulli or Gaussian
    loss = mean over the batch of [ -log p(x|y,z) + beta KL(q(z|x,y) || p(z)) ],   z = mean + exp(log_var / 2) * noise

It bounds -log p(x|y), and Bayes' rule makes a classifier of it. `scratchgen.models.semi_supervised.rows` has the bound
and its gradient. Every example makes one row there; in `scratchgen.models.semi_supervised.m2`, which is built on this
model, those whose class is unknown make one for each class.

References
----------
K. Sohn, H. Lee, X. Yan: "Learning structured output representation using deep conditional generative models",
NeurIPS 2015.
D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling: "Semi-supervised learning with deep generative models", NeurIPS
2014 (the same networks, and the same z decoded with every class).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.labels import Labelled, one_hot
from scratchgen.models.gaussian_latents import GaussianHeads, GaussianLatents
from scratchgen.models.likelihood import (
    LIKELIHOODS,
    OUTPUT_MEANS,
    BernoulliLikelihood,
    check_likelihood_settings,
    check_sigma,
    warn_of_range,
)
from scratchgen.models.objectives import VAETerms, elbo_terms
from scratchgen.models.semi_supervised import bayes
from scratchgen.models.semi_supervised.labelled_model import CLASS_PRIORS, LabelledModel
from scratchgen.models.semi_supervised.networks import Convolutions, decoder, features
from scratchgen.models.semi_supervised.rows import decode_rows, encode_rows, rows_backward, rows_forward, rows_grad_x
from scratchgen.nn.class_encoder import ClassEncoder
from scratchgen.ops.activations import check_activation
from scratchgen.random import Stream
from scratchgen.schedules import Schedule, check_schedule, value_at
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count, check_matrix, check_widths, is_integer


class ConditionalVAEParams(NamedTuple):
    """Parameters of a conditional VAE, or their gradient; `log_sigma` is empty unless sigma is learned."""

    encoder: tuple[Any, ...]
    heads: GaussianHeads
    decoder: tuple[Any, ...]
    log_sigma: Any


class ConditionalVAE(GaussianLatents, LabelledModel):
    """Variational autoencoder of which encoder and decoder are told the class of an example.

    Parameters
    ----------
    n_visible : int
        Features of an example.
    n_classes : int
    hidden : tuple of int
        Widths of the encoder's hidden layers, at least one; the first sees the class.
    n_latent : int
    likelihood : {"bernoulli", "gaussian"}
        Bernoulli takes data in [0, 1]; values between are taken as probabilities.
    beta : float or schedule
        Weight of the KL divergence in the loss.
    decoder_hidden : tuple of int, optional
        Widths of the decoder's hidden layers; by default those of the encoder in reverse.
    activation : str
        Of all hidden layers: "relu", "tanh", "sigmoid", "softplus", "swish", "linear".
    output_mean : {"linear", "tanh", "sigmoid"}
        How the decoder's last layer gives the mean of a Gaussian.
    sigma : float or "learned"
        Standard deviation of a Gaussian likelihood.
    n_samples : int
        Draws of z for each row in the loss.
    binarise : bool
        Take data between 0 and 1 as probabilities and draw 0 or 1 from them, afresh for each batch.
    class_prior : {"uniform", "estimated"}
        p(y). "estimated" takes the frequencies among the labelled examples of the first training.
    image_shape : (h, w) or (h, w, c), optional
        With it, encoder and decoder are the convolutional ones of `scratchgen.models.conv_vae`. The class enters in
        dense layers of widths `hidden`, behind the encoder's convolutions.
    channels : tuple of int
        Maps after each convolution of the encoder.
    kernel : int
        Height and width of all kernels.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> cvae = sg.ConditionalVAE(n_visible=64, hidden=(32,), n_latent=2, seed=0)
    >>> history = cvae.fit(data.x_train, data.y_train, epochs=2, batch_size=64, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    >>> cvae.sample(3, y=7).shape
    (3, 64)
    """

    term_names: tuple[str, ...] = VAETerms._fields

    def __init__(
        self,
        n_visible: int,
        n_classes: int = 10,
        hidden: tuple[int, ...] = (500,),
        n_latent: int = 50,
        *,
        likelihood: str = "bernoulli",
        beta: Schedule = 1.0,
        decoder_hidden: tuple[int, ...] | None = None,
        activation: str = "softplus",
        output_mean: str = "linear",
        sigma: float | str = 1.0,
        n_samples: int = 1,
        binarise: bool = False,
        class_prior: str = "uniform",
        image_shape: tuple[int, ...] | None = None,
        channels: tuple[int, ...] = (32, 64),
        kernel: int = 3,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.n_classes = check_count("n_classes", n_classes, 2)
        self.n_latent = check_count("n_latent", n_latent)
        self.n_samples = check_count("n_samples", n_samples)
        self.hidden = check_widths("hidden", hidden)
        if not self.hidden:
            raise InputError("hidden must hold at least one width, such as (500,), got (): the class enters there")
        mirrored = self.hidden[::-1] if decoder_hidden is None else decoder_hidden
        self.decoder_hidden = check_widths("decoder_hidden", mirrored)
        self.likelihood = check_choice("likelihood", likelihood, LIKELIHOODS)
        self.output_mean = check_choice("output_mean", output_mean, OUTPUT_MEANS)
        self.activation = check_activation(activation)
        self.beta = check_schedule("beta", beta)
        self.sigma = check_sigma(sigma)
        self.binarise = bool(binarise)
        self.class_prior = check_choice("class_prior", class_prior, CLASS_PRIORS)
        check_likelihood_settings(self.likelihood, self.output_mean, self.sigma, self.binarise)
        self.images = None if image_shape is None else Convolutions(self.n_visible, image_shape, channels, kernel)
        settings = {
            "n_visible": self.n_visible,
            "n_classes": self.n_classes,
            "hidden": self.hidden,
            "n_latent": self.n_latent,
            "likelihood": likelihood,
            "beta": beta,
            "decoder_hidden": self.decoder_hidden,
            "activation": activation,
            "output_mean": output_mean,
            "sigma": sigma,
            "n_samples": self.n_samples,
            "binarise": self.binarise,
            "class_prior": class_prior,
            "image_shape": None if image_shape is None else tuple(image_shape),
            "channels": check_widths("channels", channels),
            "kernel": kernel,
        }
        output = BernoulliLikelihood.output_activation if self.likelihood == "bernoulli" else self.output_mean
        trunk = features(self.n_visible, self.hidden[0], self.activation, self.images)
        self.encoder_network = ClassEncoder(trunk, self.n_classes, self.hidden, self.activation)
        self.decoder_network = decoder(
            self.n_latent + self.n_classes, self.decoder_hidden, self.n_visible, self.activation, output, self.images
        )
        super().__init__(settings, self._layout(), seed, dtype, backend)

    # ------------------------------------------------------------------------------------------------- initial values

    def _layout(self) -> Any:
        return ConditionalVAEParams(**self._parts())

    def adapt_to_data_(self, x: Labelled) -> None:
        """Estimate p(y) where that is asked for, and set the output bias, and warn, as `VAE` does."""
        warn_of_range(self.p_x_given_z, x.x)
        self.estimate_prior_(x)
        bias = self.params.decoder[-1].b
        if self.images is None and not bool((bias != 0).any()):
            bias[...] = self.p_x_given_z.output_of_mean(x.x.mean(axis=0))

    # ------------------------------------------------------------------------------------- data, noise, schedule

    def check_examples(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite, in [0, 1] for a Bernoulli likelihood."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype, self.p_x_given_z.unit_range)

    def check_data(self, x: Any, name: str = "x") -> Labelled:
        """Return a `Labelled`, or a pair (x, y), as this model takes it: every example has its class."""
        data = super().check_data(x, name)
        self.check_classes(data.y, len(data), all_known=True)
        return data

    def draw_examples(self, x: Array, stream: Stream) -> Array:
        """Return the examples of a batch, drawn afresh where they are to be binarised."""
        return stream.bernoulli(x) if self.binarise else x

    def n_rows(self, batch: Labelled) -> int:
        """Return the number of rows of a batch: one for each class that an example may have."""
        return len(batch)

    def noise_shape(self, x: Labelled) -> tuple[int, ...]:
        """Return (rows, n_latent)."""
        return (self.n_rows(x), self.n_latent)

    def draw_noise(self, x: Labelled, stream: Stream | None = None) -> Array:
        """Draw the noise of a batch: (rows, n_latent), or (n_samples, rows, n_latent) where n_samples > 1."""
        stream = stream or self.streams["training_noise"]
        samples = (self.n_samples,) if self.n_samples > 1 else ()
        return stream.normal((*samples, *self.noise_shape(x)), self.dtype)

    # ------------------------------------------------------------------------------------------ loss and gradient

    def target(self, x: Labelled) -> Array:
        """Return the class of each row, (rows, n_classes)."""
        return one_hot(x.y, self.n_classes, self.dtype)

    def evaluate_terms(self, x: Labelled, noise: Array) -> Any:
        """Return the terms of the loss, without gradient and without checking the input."""
        nll, kl, _ = rows_forward(self, x, self.target(x), noise)
        return self._terms(nll, kl)

    def evaluate_terms_and_grads(self, x: Labelled, noise: Array, out: Any = None) -> Any:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        terms, dh, _, cache = self._backward_to_encoder(x, noise, grads)
        self.encoder_network.backward_params_(dh, cache.encoded.layers, grads.encoder, self.backend)
        return terms, grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the examples, (n, n_visible)."""
        x = self.check_data(x)
        grads = self.empty_grads()[1]
        _, dh, weight, cache = self._backward_to_encoder(x, self._check_noise(x, noise), grads)
        return rows_grad_x(self, dh, weight, cache, grads)

    def _backward_to_encoder(self, x: Labelled, noise: Array, grads: Any) -> Any:
        nll, kl, cache = rows_forward(self, x, self.target(x), noise)
        weight = self.backend.xp.full(len(x), 1.0 / len(x), dtype=self.dtype)
        return self._terms(nll, kl), rows_backward(self, weight, cache, grads), weight, cache

    def _terms(self, nll: Array, kl: Array) -> VAETerms:
        return elbo_terms(nll, kl, value_at(self.beta, self.step))

    # ------------------------------------------------------------------------------------------------- using it

    elbo = bayes.elbo
    log_likelihood = bayes.log_likelihood
    class_probabilities = bayes.class_probabilities

    def monitor(self, x: Labelled, validation: Labelled | None) -> dict[str, float]:
        """Return nothing: Bayes' rule over all classes of all examples would take longer than the epoch."""
        return {}

    def check_pairs(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Return checked examples and the target of each, for labels (n,) or one label for all."""
        x = self.check_examples(x)
        return x, self._target_of(y, len(x))

    def _target_of(self, y: Any, n: int) -> Array:
        y = self.backend.xp.full(n, y) if is_integer(y) else y
        return one_hot(self.check_classes(y, n, all_known=True), self.n_classes, self.dtype)

    def encode(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Return mean and log_var of q(z|x,y), each (n, n_latent), for labels (n,) or one label for all."""
        x, target = self.check_pairs(x, y)
        return self._mean_and_log_var(encode_rows(self, x, target, len(x)).heads)

    def decode(self, z: Any, y: Any) -> Array:
        """Return E[x|y,z] for z (n, n_latent) and labels (n,) or one label for all, (n, n_visible)."""
        z = check_matrix("z", z, self.n_latent, self.backend, self.dtype)
        return self.p_x_given_z.mean(decode_rows(self, z, self._target_of(y, len(z))))

    def reconstruct(self, x: Any, y: Any) -> Array:
        """Return E[x|y,z] at the mean of q(z|x,y), (n, n_visible)."""
        return self.decode(self.encode(x, y)[0], y)

    def transfer(self, x: Any, y: Any) -> Array:
        """Return the style of each example in every class: E[x|c,z] at the mean of q(z|x,y).

        What z holds is what the class leaves open, as slant and stroke of a digit.

        Returns
        -------
        array (n, n_classes, n_visible)
        """
        z = self.encode(x, y)[0]
        return self.backend.xp.stack([self.decode(z, c) for c in range(self.n_classes)], axis=1)

    def sample(self, n: int, y: Any = None, mean: bool = False, stream: Stream | None = None) -> Array:
        """Draw `n` examples: z from its prior, then x from p(x|y,z), or E[x|y,z] where `mean` is true.

        Parameters
        ----------
        y : array (n,) or int, optional
            Labels, or one for all. Without them the classes are drawn from p(y).

        Returns
        -------
        array (n, n_visible)
        """
        n, stream = check_count("n", n), stream or self.streams["sampling"]
        target = self._target_of(self._draw_classes(n, stream) if y is None else y, n)
        output = decode_rows(self, stream.normal((n, self.n_latent), self.dtype), target)
        return self.p_x_given_z.mean(output) if mean else self.p_x_given_z.draw(output, stream)

    def _draw_classes(self, n: int, stream: Stream) -> Array:
        """Draw from p(y): the class is the number of the sums p(0), p(0) + p(1), ... that a uniform has passed."""
        bounds = self.p_y.cumsum()[:-1]
        return (stream.uniform((n, 1), self.dtype) >= bounds).sum(axis=1)
