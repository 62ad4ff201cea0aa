"""The variational autoencoder with scikit-learn's interface."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchgen.backend import BACKEND_NAMES
from scratchgen.models.vae import VAE
from scratchgen.ops.divergences import kl_standard_normal_forward
from scratchgen.ops.gaussian import split_heads
from scratchgen.random import Stream
from scratchgen.sklearn.autoencoding import AutoencodingTransformer
from scratchgen.sklearn.estimator import seed_of
from scratchgen.sklearn.rows import mlp_by_example
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count

_DRAWS = 16  # of the noise, each with both signs, for a score
_ELEMENTS = 2**22  # of the widest layer that the examples scored at a time give rise to


class VAETransformer(AutoencodingTransformer):
    r"""Variational autoencoder: an encoder to a distribution of codes and a decoder, trained by the evidence bound.

    .. math:: \log p(x) \ge \text{ELBO}(x) = E_{q(z|x)} \log p(x|z) - \text{KL}(q(z|x) \,\|\, N(0, I)), \qquad
              q(z|x) = N(\mu(x), \text{diag}\, \sigma^2(x))

    The features that `transform` returns are the means of q(z|x).

    Parameters
    ----------
    n_components : int, default=20
        Number of latent variables.
    hidden : tuple of int, default=(400,)
        Widths of the encoder's hidden layers.
    decoder_hidden : tuple of int or None, default=None
        Widths of the decoder's hidden layers; by default those of the encoder in reverse.
    likelihood : {"bernoulli", "gaussian"}, default="bernoulli"
        Bernoulli takes data in [0, 1]; Gaussian takes any.
    activation : {"relu", "tanh", "sigmoid", "softplus", "swish", "linear"}, default="relu"
        Of all hidden layers.
    output_mean : {"linear", "tanh", "sigmoid"}, default="linear"
        How the decoder's last layer gives the mean of a Gaussian.
    sigma : float or "learned", default=1.0
        Standard deviation of a Gaussian likelihood, shared by all features.
    beta : float, default=1.0
        Weight of the KL divergence in the loss. It may be a schedule of `scratchgen.schedules`.
    learning_rate : float, default=0.001
        Of Adam. It may be a schedule of `scratchgen.schedules`.
    batch_size : int, default=128
        Examples in a batch.
    n_iter : int, default=10
        Passes over the training data in `fit`.
    verbose : int, default=0
        Above 0, print the mean loss of each pass of `fit`.
    random_state : int, RandomState instance or None, default=None
        Seeds the initial weights, the order of the examples, the noise of the training, and ``model_.sample``. Pass an
        int for equal results in every call of `fit`.
    backend : {"cpu", "numpy", "cuda"}, default="cpu"
        What computes: compiled kernels, NumPy alone, or a GPU. Data come from NumPy and results go to it in each case.

    Attributes
    ----------
    model_ : scratchgen.VAE
        The trained model, for everything else: samples, log p(x), its training history, saving it to a file.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where the data have names that are all strings.

    See Also
    --------
    scratchgen.VAE : The same model by itself.
    AutoencoderTransformer : Codes without a distribution.

    Notes
    -----
    - `score_samples` is the ELBO with beta = 1, in nats. Its KL divergence is exact; its reconstruction term is a mean
      over 32 draws of the noise, 16 and their negatives, which are the same for all examples, models and calls. So it
      is deterministic, and differences between models are not those between their draws.
    - With a Gaussian likelihood the score is a density: compare models on data of one scale only.
    - Values outside [0, 1] are no probabilities of a Bernoulli pixel. They are clipped, with a `DataRangeWarning`.
    - Sparse data are accepted, but made dense. `partial_fit` goes on in the type of the data that it began with.
    - On a CPU, the row that `transform`, `inverse_transform` or `score_samples` returns for an example is the same, to
      the bit, in every batch. Two runs on one machine with one `random_state` and one number of threads are equal.

    References
    ----------
    D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from scratchgen.sklearn import VAETransformer
    >>> X = load_digits().data / 16
    >>> model = VAETransformer(n_components=8, hidden=(32,), n_iter=2, random_state=0).fit(X)
    >>> mean = model.transform(X)
    >>> mean.shape
    (1797, 8)
    >>> model.inverse_transform(mean).shape
    (1797, 64)
    """

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden: tuple[int, ...] = (400,),
        decoder_hidden: tuple[int, ...] | None = None,
        likelihood: str = "bernoulli",
        activation: str = "relu",
        output_mean: str = "linear",
        sigma: float | str = 1.0,
        beta: Any = 1.0,
        learning_rate: float = 1e-3,
        batch_size: int = 128,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        backend: str = "cpu",
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.decoder_hidden = decoder_hidden
        self.likelihood = likelihood
        self.activation = activation
        self.output_mean = output_mean
        self.sigma = sigma
        self.beta = beta
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.backend = backend

    def _new_model(self, X: np.ndarray) -> VAE:
        return VAE(
            X.shape[1],
            self.hidden,
            check_count("n_components", self.n_components),
            decoder_hidden=self.decoder_hidden,
            likelihood=self.likelihood,
            activation=self.activation,
            output_mean=self.output_mean,
            sigma=self.sigma,
            beta=self.beta,
            seed=seed_of(self.random_state),
            dtype=X.dtype.name,
            backend=check_choice("backend", self.backend, BACKEND_NAMES),
        )

    def _posterior(self, x: Array) -> tuple[Array, Array]:
        """Return mean and log_var of q(z|x), each (n, 1, n_components)."""
        model = self.model_
        h = mlp_by_example(model.params.encoder, x, (model.activation,) * len(model.hidden), model.backend)
        heads = mlp_by_example((model.params.heads,), h, ("linear",), model.backend)
        return split_heads(heads)

    def _encoded(self, x: Array) -> Array:
        return self._posterior(x)[0]

    def _log_sigma(self) -> Array:
        model = self.model_
        if model.sigma == "learned":
            return model.params.log_sigma
        return model.backend.xp.full(1, math.log(model.sigma))

    def _scores(self, x: Array) -> Array:
        model = self.model_
        xp, widest = model.backend.xp, max(*model.decoder_hidden, model.n_visible)
        noise = Stream(0, model.backend).normal((_DRAWS, model.n_latent), "float64")
        noise = xp.concatenate([noise, -noise])  # (2 _DRAWS, n_components)
        n_rows = max(1, _ELEMENTS // (len(noise) * widest))
        return xp.concatenate([self._elbo(x[i : i + n_rows], noise) for i in range(0, len(x), n_rows)])

    def _elbo(self, x: Array, noise: Array) -> Array:
        """Return the ELBO of each example (n, 1, n_features), with the same noise (k, n_components) for all."""
        xp = self.model_.backend.xp
        mean, log_var = self._posterior(x)
        kl = kl_standard_normal_forward(mean[:, 0], log_var[:, 0])[0]
        output = self._decoder_output(mean + xp.exp(0.5 * log_var) * noise)  # (n, k, n_features)
        rows = output.swapaxes(0, 1).reshape(-1, output.shape[-1])  # (k n, n_features), as a likelihood takes them
        nll = self._p_x_given_code(x.dtype).nll(rows, x[:, 0]).reshape(len(noise), len(x))
        return -xp.ascontiguousarray(nll.T).mean(axis=1) - kl  # a sum along memory has one order for every n
