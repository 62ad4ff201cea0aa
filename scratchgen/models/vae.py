"""The variational autoencoder, forward and backward by hand. Its networks are fully connected; a subclass has others.

    q(z|x) = N(mean(x), diag exp(log_var(x))),   p(z) = N(0, I),   p(x|z) Bernoulli or Gaussian
    loss = mean over the batch of [ -log p(x|z) + beta KL(q(z|x) || p(z)) ],   z = mean + exp(log_var / 2) * noise

or, as the importance-weighted autoencoder has it, minus the logarithm of the mean weight p(x|z) p(z) / q(z|x) of
several z (`scratchgen.models.objectives`).

========  ==============================  ==================================
symbol    shape                           meaning
========  ==============================  ==================================
x         (n, n_visible)                  data
noise     (n, n_latent), or with samples  standard normal draws
          in front: (L, n, n_latent)
z         like the noise                  latent variables
output    (L n, n_visible)                logits, or the mean of a Gaussian
========  ==============================  ==================================

References
----------
D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014.
D. J. Rezende, S. Mohamed, D. Wierstra: "Stochastic backpropagation and approximate inference in deep generative
models", ICML 2014.
Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016.
I. Higgins et al.: "beta-VAE: learning basic visual concepts with a constrained variational framework", ICLR 2017.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.importance_sampling import log_likelihood
from scratchgen.models.gaussian_latents import GaussianHeads, GaussianLatents
from scratchgen.models.likelihood import (
    LIKELIHOODS,
    OUTPUT_MEANS,
    BernoulliLikelihood,
    check_likelihood_settings,
    check_sigma,
    warn_of_range,
)
from scratchgen.models.model import Model
from scratchgen.models.objectives import OBJECTIVES, VAETerms, elbo_terms, importance_weighted_terms
from scratchgen.nn.networks import DenseNetwork, Network
from scratchgen.ops.activations import check_activation
from scratchgen.ops.gaussian import (
    join_heads,
    reparameterise_forward,
    reparameterise_kl_backward,
    reparameterise_kl_forward,
    split_heads,
)
from scratchgen.ops.importance import reparameterise_ratio_backward, reparameterise_ratio_forward
from scratchgen.ops.linear import DenseCache, dense_backward_, dense_forward
from scratchgen.random import Stream
from scratchgen.schedules import Schedule, check_schedule, value_at
from scratchgen.typing import Array
from scratchgen.validation import (
    check_choice,
    check_count,
    check_latents,
    check_matrix,
    check_vectors,
    check_widths,
)

_CHUNK_ROWS = 1024  # examples evaluated at a time where nothing needs the whole batch


class VAEParams(NamedTuple):
    """Parameters of a VAE, or their gradient; `log_sigma` is empty unless sigma is learned."""

    encoder: tuple[Any, ...]
    heads: GaussianHeads
    decoder: tuple[Any, ...]
    log_sigma: Any


class EncoderCache(NamedTuple):
    """What a backward pass through the encoder needs: the caches of its layers and of the heads."""

    layers: Any
    heads: DenseCache


class VAE(GaussianLatents, Model):
    """Variational autoencoder.

    Parameters
    ----------
    n_visible : int
        Features of an example.
    hidden : tuple of int
        Widths of the encoder's hidden layers; empty for linear maps to mean and log_var.
    n_latent : int
    likelihood : {"bernoulli", "gaussian"}
        Bernoulli takes data in [0, 1]; values between are taken as probabilities.
    beta : float or schedule
        Weight of the KL divergence in the loss; a schedule is a function of the step.
    decoder_hidden : tuple of int, optional
        Widths of the decoder's hidden layers; by default those of the encoder in reverse.
    activation : str
        Of all hidden layers: "relu", "tanh", "sigmoid", "softplus", "swish", "linear".
    output_mean : {"linear", "tanh", "sigmoid"}
        How the decoder's last layer gives the mean of a Gaussian.
    sigma : float or "learned"
        Standard deviation of a Gaussian likelihood, shared by all features; "learned" makes log sigma a parameter,
        which starts at 0.
    n_samples : int
        Draws of z for each example in the loss: k.
    objective : {"elbo", "iwae"}
        "iwae" maximises the importance-weighted bound of `n_samples` draws, which is tighter the more there are; it has
        no beta.
    binarise : bool
        Take data between 0 and 1 as probabilities and draw 0 or 1 from them, afresh for each batch.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Notes
    -----
    Arrays passed in may be NumPy's on any backend: they are put on the model's. Arrays that come back are of that.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> vae = sg.VAE(n_visible=64, hidden=(32,), n_latent=2, seed=0)
    >>> history = vae.fit(data.x_train, epochs=2, batch_size=64, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    >>> vae.sample(3).shape
    (3, 64)
    """

    term_names = VAETerms._fields

    def __init__(
        self,
        n_visible: int,
        hidden: tuple[int, ...] = (400,),
        n_latent: int = 20,
        *,
        likelihood: str = "bernoulli",
        beta: Schedule = 1.0,
        decoder_hidden: tuple[int, ...] | None = None,
        activation: str = "relu",
        output_mean: str = "linear",
        sigma: float | str = 1.0,
        n_samples: int = 1,
        objective: str = "elbo",
        binarise: bool = False,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.n_latent = check_count("n_latent", n_latent)
        self.n_samples = check_count("n_samples", n_samples)
        self.hidden = check_widths("hidden", hidden)
        mirrored = self.hidden[::-1] if decoder_hidden is None else decoder_hidden
        self.decoder_hidden = check_widths("decoder_hidden", mirrored)
        self.likelihood = check_choice("likelihood", likelihood, LIKELIHOODS)
        self.output_mean = check_choice("output_mean", output_mean, OUTPUT_MEANS)
        self.activation = check_activation(activation)
        self.beta = check_schedule("beta", beta)
        self.sigma = check_sigma(sigma)
        self.objective = check_choice("objective", objective, OBJECTIVES)
        self.binarise = bool(binarise)
        if self.objective == "iwae" and self.beta != 1.0:
            raise InputError("beta weighs the KL divergence of objective='elbo': leave it out, or choose that")
        check_likelihood_settings(self.likelihood, self.output_mean, self.sigma, self.binarise)
        settings = {
            "n_visible": self.n_visible,
            "hidden": self.hidden,
            "n_latent": self.n_latent,
            "likelihood": likelihood,
            "beta": beta,
            "decoder_hidden": self.decoder_hidden,
            "activation": activation,
            "output_mean": output_mean,
            "sigma": sigma,
            "n_samples": self.n_samples,
            "objective": objective,
            "binarise": self.binarise,
        }
        self.encoder_network, self.decoder_network = self._networks()
        super().__init__(settings, self._layout(), seed, dtype, backend)

    def _networks(self) -> tuple[Network, Network]:
        """Return the encoder, from x to the layer below the heads, and the decoder, from z to its output."""
        hidden, decoder_hidden = self.hidden, self.decoder_hidden
        encoder = DenseNetwork((self.n_visible, *hidden), (self.activation,) * len(hidden))
        activations = (*(self.activation,) * len(decoder_hidden), self._output_activation)
        return encoder, DenseNetwork((self.n_latent, *decoder_hidden, self.n_visible), activations)

    @property
    def _output_activation(self) -> str:
        return BernoulliLikelihood.output_activation if self.likelihood == "bernoulli" else self.output_mean

    def _layout(self) -> VAEParams:
        return VAEParams(**self._parts())

    def adapt_to_data_(self, x: Array) -> None:
        """Set the output bias, where it is still zero, so that a decoder without input gives the mean of the data.

        Training then starts from the best model that ignores z, as in the experiments of Burda et al. (ICLR 2016). Warn
        where a Gaussian mean cannot reach the data.
        """
        warn_of_range(self.p_x_given_z, x)
        bias = self.params.decoder[-1].b
        if not bool((bias != 0).any()):
            bias[...] = self.p_x_given_z.output_of_mean(x.mean(axis=0))

    # ------------------------------------------------------------------------------------- data, noise, schedule

    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite, in [0, 1] for a Bernoulli likelihood."""
        unit_range = self.p_x_given_z.unit_range
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype, unit_range)

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return (n, n_latent)."""
        return (x.shape[0], self.n_latent)

    def draw_noise(self, x: Array, stream: Stream | None = None) -> Array:
        """Draw the noise of a batch: (n, n_latent), or (n_samples, n, n_latent) where n_samples > 1."""
        stream = stream or self.streams["training_noise"]
        samples = (self.n_samples,) if self.n_samples > 1 else ()
        return stream.normal((*samples, *self.noise_shape(x)), self.dtype)

    def draw_data(self, x: Array, stream: Stream) -> Array:
        """Return the batch, drawn afresh where it is to be binarised."""
        return stream.bernoulli(x) if self.binarise else x

    def captured_values(self) -> tuple[Any, ...]:
        """Return beta."""
        return tuple(self.scheduled_values().values())

    def balancing_beta(self, x: Any) -> float:
        """Return the beta at which, with the present parameters, beta * KL is as large as the reconstruction term.

        Early in training it shows the scale of beta; train with it as a constant for equally weighted terms.
        """
        x = self.check_data(x)
        terms = self.evaluate_terms(x, self.draw_noise(x, self.streams["sampling"]))
        reconstruction, kl = float(terms.reconstruction), float(terms.kl)
        if not (kl > 0 and reconstruction > 0):
            raise InputError(f"no beta > 0 makes a reconstruction term of {reconstruction:g} and a KL of {kl:g} equal")
        return reconstruction / kl

    # ------------------------------------------------------------------------------------------ loss and gradient

    def evaluate_terms(self, x: Array, noise: Array) -> VAETerms:
        """Return the terms of the loss, without gradient and without checking the input."""
        heads = self._encode(x)
        if self.objective == "iwae":
            (z, log_ratio), _ = reparameterise_ratio_forward(*split_heads(heads), _by_sample(noise))
            return importance_weighted_terms(self._nll(z, x), log_ratio)[0]
        z, kl, _ = reparameterise_kl_forward(heads, noise, self.backend)
        return elbo_terms(self._nll(z, x), kl, value_at(self.beta, self.step))

    def evaluate_terms_and_grads(self, x: Array, noise: Array, out: VAEParams | None = None) -> Any:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        terms, dh, cache, *_ = self._backward_to_encoder(x, noise, grads)
        self.encoder_network.backward_params_(dh, cache, grads.encoder, self.backend)
        return terms, grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the data, (n, n_visible).

        The data enter twice: into the encoder, and as what the decoder is asked to reproduce.
        """
        x = self.check_data(x)
        grads = self.empty_grads()[1]
        _, dh, cache, output, dnll = self._backward_to_encoder(x, self._check_noise(x, noise), grads)
        dx = self.encoder_network.backward_(dh, cache, grads.encoder, self.backend)
        dnll = self.backend.xp.broadcast_to(self.backend.xp.asarray(dnll, dtype=self.dtype), output.shape[:1])
        return dx + self.p_x_given_z.grad_x(output, x, dnll)

    def _backward_to_encoder(self, x: Array, noise: Array, grads: VAEParams) -> Any:
        """Run forward, then backward as far as the encoder's top layer h; fill all other gradients."""
        heads, cache = self.encoder_forward(x)
        backward = self._elbo_backward if self.objective == "elbo" else self._importance_weighted_backward
        terms, dheads, output, dnll = backward(heads, noise, x, grads)
        return terms, self.heads_backward_(dheads, cache, grads), cache.layers, output, dnll

    def _elbo_backward(self, heads: Array, noise: Array, x: Array, grads: VAEParams) -> Any:
        """Return the terms, dheads, the decoder's output, and the derivative by the nll of each row, or of any."""
        n, beta = x.shape[0], value_at(self.beta, self.step)
        z, kl, latent_cache = reparameterise_kl_forward(heads, noise, self.backend)
        output, cache = self.decoder_forward(z)
        nll, doutput = self.p_x_given_z.nll_and_grads(output, x, grads.log_sigma)
        drows = self.decoder_network.backward_(doutput, cache, grads.decoder, self.backend)
        dheads = reparameterise_kl_backward(drows.reshape(z.shape), beta / n, latent_cache, self.backend)
        return elbo_terms(nll, kl, beta), dheads, output, 1.0 / nll.shape[0]

    def _importance_weighted_backward(self, heads: Array, noise: Array, x: Array, grads: VAEParams) -> Any:
        """Return what `_elbo_backward` returns; every draw counts by its normalised weight."""
        (z, log_ratio), latent_cache = reparameterise_ratio_forward(*split_heads(heads), _by_sample(noise))
        output, cache = self.decoder_forward(z)
        nll, nll_cache = self.p_x_given_z.forward(output, x)
        terms, dlog_weight = importance_weighted_terms(nll, log_ratio)  # log w = log ratio - nll
        dnll = -dlog_weight.reshape(-1)
        doutput = self.p_x_given_z.backward_(dnll, nll_cache, grads.log_sigma)
        drows = self.decoder_network.backward_(doutput, cache, grads.decoder, self.backend)
        dmean, dlog_var = reparameterise_ratio_backward((drows.reshape(z.shape), dlog_weight), latent_cache)
        return terms, join_heads(dmean, dlog_var), output, dnll

    # --------------------------------------------------------------------------------------------------- networks

    def encoder_forward(self, x: Array) -> tuple[Array, EncoderCache]:
        """Return mean and log_var of q(z|x) side by side, (n, 2 n_latent), and the cache."""
        h, layers = self.encoder_network.forward(self.params.encoder, x, self.backend)
        heads, heads_cache = dense_forward(self.params.heads, h, "linear", self.backend)
        return heads, EncoderCache(layers, heads_cache)

    def heads_backward_(self, dheads: Array, cache: EncoderCache, grads: VAEParams) -> Array:
        """Return the gradient with respect to the encoder's top layer; `grads` receives that of the heads."""
        return dense_backward_(dheads, cache.heads, grads.heads, self.backend)[0]

    def _encode(self, x: Array) -> Array:
        """Return mean and log_var of q(z|x) side by side, (n, 2 n_latent)."""
        h = self.encoder_network.evaluate(self.params.encoder, x, self.backend)
        return dense_forward(self.params.heads, h, "linear", self.backend)[0]

    def decoder_forward(self, z: Array) -> tuple[Array, Any]:
        """Return the decoder's output for each draw, (L n, n_visible), and its cache."""
        rows = z.reshape(-1, self.n_latent)  # (L n, n_latent)
        return self.decoder_network.forward(self.params.decoder, rows, self.backend)

    def _decoder_output(self, z: Array) -> Array:
        rows = z.reshape(-1, self.n_latent)
        return self.decoder_network.evaluate(self.params.decoder, rows, self.backend)

    def _nll(self, z: Array, x: Array) -> Array:
        return self.p_x_given_z.nll(self._decoder_output(z), x).reshape(z.shape[:-1])

    # ------------------------------------------------------------------------------------------------- using it

    def encode(self, x: Any) -> tuple[Array, Array]:
        """Return mean and log_var of q(z|x), each (n, n_latent)."""
        return self._mean_and_log_var(self._encode(self.check_data(x)))

    def decode(self, z: Any) -> Array:
        """Return E[x|z] for z (..., n_latent), as (..., n_visible)."""
        z = check_vectors("z", z, self.n_latent, self.backend, self.dtype)
        mean = self.p_x_given_z.mean(self._decoder_output(z))
        return mean.reshape(*z.shape[:-1], self.n_visible)

    def nll(self, z: Any, x: Any) -> Array:
        """Return -log p(x|z) in nats: (n,), or (k, n) for k latent vectors z of each example.

        `scratchgen.latent.integrated_log_likelihood` takes this method.

        Parameters
        ----------
        z : array (n, n_latent) or (k, n, n_latent)
        x : array (n, n_visible)

        Raises
        ------
        InputError
            Bad data, or z of another shape.
        """
        x = self.check_data(x)
        return self._nll(check_latents("z", z, x.shape[0], self.n_latent, self.backend, self.dtype), x)

    def reconstruct(self, x: Any) -> Array:
        """Return E[x|z] at the mean of q(z|x), (n, n_visible)."""
        return self.decode(self.encode(x)[0])

    def sample_posterior(self, x: Any, n: int, stream: Stream | None = None) -> Array:
        """Draw `n` latent vectors for each example from q(z|x): (n, n_examples, n_latent)."""
        mean, log_var = self.encode(x)
        noise = (stream or self.streams["sampling"]).normal((check_count("n", n), *mean.shape), self.dtype)
        return reparameterise_forward(mean, log_var, noise)[0]

    def sample(self, n: int, mean: bool = False, stream: Stream | None = None) -> Array:
        """Draw `n` examples: z from the prior, then x from p(x|z), or E[x|z] where `mean` is true; (n, n_visible)."""
        stream = stream or self.streams["sampling"]
        output = self._decoder_output(stream.normal((check_count("n", n), self.n_latent), self.dtype))
        return self.p_x_given_z.mean(output) if mean else self.p_x_given_z.draw(output, stream)

    def elbo(self, x: Any, n_samples: int = 1, stream: Stream | None = None) -> Array:
        """Return the evidence lower bound of each example, in nats, (n,): -(reconstruction + KL), beta = 1.

        The KL divergence is exact; the reconstruction is a mean over `n_samples` draws of z. Memory grows with
        `n_samples` by the latent variables alone.
        """
        x, stream = self.check_data(x), stream or self.streams["sampling"]
        n_samples = check_count("n_samples", n_samples)
        parts = []
        for start in range(0, x.shape[0], _CHUNK_ROWS):
            rows = x[start : start + _CHUNK_ROWS]
            noise = stream.normal((n_samples, *self.noise_shape(rows)), self.dtype)
            z, kl, _ = reparameterise_kl_forward(self._encode(rows), noise, self.backend)
            at_a_time = max(1, _CHUNK_ROWS // len(rows))  # draws: what the decoder makes of z is far wider than z
            nll = sum(self._nll(z[k : k + at_a_time], rows).sum(axis=0) for k in range(0, n_samples, at_a_time))
            parts.append(-nll / n_samples - kl)
        return self.backend.xp.concatenate(parts)

    def log_likelihood(self, x: Any, n_samples: int = 5000, stream: Stream | None = None) -> Array:
        """Return an importance-sampled estimate of log p(x) of each example, in nats, (n,).

        A lower bound in expectation, which rises to log p(x) with `n_samples`; memory does not grow with it. See
        `scratchgen.importance_sampling`.
        """
        x, stream = self.check_data(x), stream or self.streams["sampling"]
        return log_likelihood(x, *split_heads(self._encode(x)), self._nll, check_count("n_samples", n_samples), stream)


def _by_sample(noise: Array) -> Array:
    """Return noise as (k, n, n_latent), also where there is one draw an example."""
    return noise if noise.ndim == 3 else noise[None]
