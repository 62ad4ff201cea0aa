r"""Probabilistic PCA: the linear Gaussian latent-variable model, which is known exactly.

z ~ N(0, I), x | z ~ N(z W + b, sigma^2 I). It is what a variational autoencoder with linear maps approximates. Symbols,
shapes, evidence and posterior are those of `scratchgen.ops.linear_gaussian`.

References
----------
M. E. Tipping, C. M. Bishop: "Probabilistic principal component analysis", J. R. Statist. Soc. B 61, 1999: equations 7
and 8 for the maximum of the likelihood.
J. Lucas, G. Tucker, R. Grosse, M. Norouzi: "Don't blame the ELBO! A linear VAE perspective on posterior collapse",
NeurIPS 2019.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.history import History
from scratchgen.kernels.matmul import matmul
from scratchgen.models.model import Model
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.parameters import Shape
from scratchgen.ops.likelihoods import gaussian_nll_forward
from scratchgen.ops.linear_gaussian import (
    LinearGaussianParams,
    linear_gaussian_nll_backward,
    linear_gaussian_nll_forward,
    linear_gaussian_posterior,
)
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import (
    check_count,
    check_latents,
    check_matrix,
    check_numbers,
    check_positive,
    check_vectors,
)


class LinearGaussianTerms(NamedTuple):
    """``loss = -mean log p(x)``, in nats, exact."""

    loss: Any


class LinearGaussianModel(Model):
    """Linear Gaussian latent-variable model, fitted in closed form.

    Parameters
    ----------
    n_visible : int
        Features of an example.
    n_latent : int
        `fit` needs fewer than n_visible, for what they leave is the noise; with parameters that are given any number.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Notes
    -----
    `fit` takes no steps: it finds the maximum of the likelihood from the eigenvectors of the data's covariance. The
    loss and its gradient exist all the same, without any noise (pass None for it), so that
    ``scratchgen.training.fit(model, x, epochs=...)`` climbs to the same likelihood by gradient.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> model = sg.LinearGaussianModel(n_visible=64, n_latent=10)
    >>> history = model.fit(data.x_train)
    >>> mean, covariance = model.posterior(data.x_test)
    >>> mean.shape, covariance.shape, model.log_likelihood(data.x_test).shape
    ((355, 10), (10, 10), (355,))
    """

    term_names = LinearGaussianTerms._fields

    def __init__(
        self,
        n_visible: int,
        n_latent: int = 2,
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.n_latent = check_count("n_latent", n_latent)
        layout = LinearGaussianParams(Shape((self.n_latent, self.n_visible)), Shape((self.n_visible,)), Shape((1,)))
        super().__init__({"n_visible": self.n_visible, "n_latent": self.n_latent}, layout, seed, dtype, backend)

    @classmethod
    def from_parameters(cls, W: Any, b: Any, sigma: float, **settings: Any) -> LinearGaussianModel:
        """Return the model with these parameters, as of the decoder of a linear VAE.

        Parameters
        ----------
        W : array (n_latent, n_visible)
        b : array (n_visible,)
        sigma : float
        **settings
            ``seed``, ``dtype``, ``backend``.
        """
        W = check_numbers("W", W)
        if W.ndim != 2:
            raise InputError(f"W must have shape (n_latent, n_visible), got {tuple(W.shape)}")
        check_positive("sigma", sigma)
        model = cls(W.shape[1], W.shape[0], **settings)
        params, backend, dtype = model.params, model.backend, model.dtype
        params.W[...] = check_matrix("W", W, model.n_visible, backend, dtype)
        params.b[...] = check_matrix("b", check_numbers("b", b).reshape(1, -1), model.n_visible, backend, dtype)[0]
        params.log_sigma[...] = math.log(sigma)
        return model

    def _initialise_(self, stream: Stream) -> None:
        glorot_uniform_(self.params.W, stream)

    # --------------------------------------------------------------------------------------------------- training

    def check_can_fit(self) -> None:
        """Refuse as many latent variables as features: nothing would be left for the noise, whatever the data."""
        if self.n_latent >= self.n_visible:
            raise InputError(
                f"to fit, n_latent must be below n_visible = {self.n_visible}, got {self.n_latent}: nothing is left "
                "for the noise"
            )

    def fit(self, x: Any) -> History:  # type: ignore[override]  # no epochs, no batches: nothing is iterated
        r"""Set the parameters to a maximum of the likelihood of `x`; return the history, of one row.

        With the eigenvalues :math:`\lambda_1 \geq \lambda_2 \geq \dots` of the covariance of the data (divided by n)
        and the eigenvectors :math:`u_k` as rows,

        .. math::
            b = \bar x, \quad \sigma^2 = \frac{1}{D - Z} \sum_{k > Z} \lambda_k, \quad
            W_k = \sqrt{\lambda_k - \sigma^2} \, u_k .

        Any rotation of z is as likely. This one makes the posterior's dimensions independent and orders them; the
        largest entry of each row of W is positive.

        Raises
        ------
        InputError
            Bad data; n_latent is not below n_visible, so that no :math:`\lambda` is left for :math:`\sigma^2`; or the
            data lie in a plane of n_latent dimensions: there the likelihood has no maximum.
        """
        self.check_can_fit()
        x, xp, started = self.check_data(x), self.backend.xp, time.perf_counter()
        mean = x.mean(axis=0, dtype="float64")
        centred = x.astype("float64") - mean
        eigenvalues, eigenvectors = xp.linalg.eigh(matmul(centred.T, centred) / x.shape[0])  # in rising order
        variance = float(eigenvalues[: -self.n_latent].mean())
        rounding = float(eigenvalues[-1]) * self.n_visible * float(xp.finfo("float64").eps)
        if variance <= rounding:
            raise InputError(
                f"the {x.shape[0]} examples lie in a plane of {self.n_latent} dimensions, where the likelihood grows "
                "without bound as sigma goes to 0: take fewer latent variables or more data"
            )
        W = eigenvectors[:, : -self.n_latent - 1 : -1].T  # (n_latent, n_visible), the largest first
        largest = xp.take_along_axis(W, xp.abs(W).argmax(axis=1)[:, None], axis=1)
        gain = xp.sqrt(xp.maximum(eigenvalues[: -self.n_latent - 1 : -1] - variance, 0))
        self.params.W[...] = W * xp.sign(largest) * gain[:, None]
        self.params.b[...] = mean
        self.params.log_sigma[...] = 0.5 * math.log(variance)
        self.epoch += 1
        loss = float(self.evaluate_terms(x, None).loss)
        self.history.append({"epoch": self.epoch, "loss": loss, "seconds": time.perf_counter() - started})
        return self.history

    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype)

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return an empty shape: the loss is exact."""
        return ()

    def draw_noise(self, x: Array, stream: Stream | None = None) -> None:
        """Return None: the loss is exact."""

    def _check_noise(self, x: Array, noise: Any) -> None:
        if noise is not None:
            raise InputError(f"this loss is exact and takes no noise: give None, not {type(noise).__name__}")

    # ------------------------------------------------------------------------------------------ loss and gradient

    def evaluate_terms(self, x: Array, noise: None) -> LinearGaussianTerms:
        """Return the loss, without gradient and without checking the input."""
        return LinearGaussianTerms(linear_gaussian_nll_forward(self.params, x)[0].mean())

    def evaluate_terms_and_grads(self, x: Array, noise: None, out: Any = None) -> Any:
        """Return the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        nll, dparams, _ = self._backward(x)
        for into, gradient in zip(grads, dparams, strict=True):
            into[...] = gradient
        return LinearGaussianTerms(nll.mean()), grads

    def loss_grad_x(self, x: Any, noise: None = None) -> Array:
        """Return the gradient of the loss with respect to the data, (n, n_visible)."""
        return self._backward(self.check_data(x))[2]

    def _backward(self, x: Array) -> tuple[Array, LinearGaussianParams, Array]:
        nll, cache = linear_gaussian_nll_forward(self.params, x)
        dnll = self.backend.xp.full(x.shape[0], 1.0 / x.shape[0], dtype=self.dtype)
        return nll, *linear_gaussian_nll_backward(dnll, cache)

    # ------------------------------------------------------------------------------------------------- using it

    def log_likelihood(self, x: Any) -> Array:
        """Return log p(x) of each example, exact, in nats, (n,)."""
        return -linear_gaussian_nll_forward(self.params, self.check_data(x))[0]

    def posterior(self, x: Any) -> tuple[Array, Array]:
        """Return mean (n, n_latent) and covariance (n_latent, n_latent) of p(z|x), one covariance for all examples."""
        return linear_gaussian_posterior(self.params, self.check_data(x))

    def encode(self, x: Any) -> tuple[Array, Array]:
        """Return mean and logarithm of the variances of p(z|x), each (n, n_latent), as the encoder of a VAE does.

        After `fit` that is the whole posterior, for its dimensions are independent; `posterior` has it in general.
        """
        mean, covariance = self.posterior(x)
        return mean, self.backend.xp.zeros_like(mean) + self.backend.xp.log(covariance.diagonal())

    def decode(self, z: Any) -> Array:
        """Return E[x|z] for z (..., n_latent), as (..., n_visible)."""
        return self._mean_of_x(check_vectors("z", z, self.n_latent, self.backend, self.dtype))

    def reconstruct(self, x: Any) -> Array:
        """Return E[x|z] at the posterior mean, (n, n_visible)."""
        return self.decode(self.posterior(x)[0])

    def nll(self, z: Any, x: Any) -> Array:
        """Return -log p(x|z) in nats: (n,), or (k, n) for k latent vectors z of each example.

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
        z = check_latents("z", z, x.shape[0], self.n_latent, self.backend, self.dtype)
        output = self._mean_of_x(z.reshape(-1, self.n_latent))
        return gaussian_nll_forward(output, x, self.params.log_sigma)[0].reshape(z.shape[:-1])

    def sample_posterior(self, x: Any, n: int, stream: Stream | None = None) -> Array:
        """Draw `n` latent vectors for each example from p(z|x): (n, n_examples, n_latent)."""
        mean, covariance = self.posterior(x)
        noise = (stream or self.streams["sampling"]).normal((check_count("n", n), *mean.shape), self.dtype)
        root = self.backend.xp.linalg.cholesky(covariance.astype("float64")).astype(self.dtype)
        return mean + matmul(noise, root.T)

    def sample(self, n: int, mean: bool = False, stream: Stream | None = None) -> Array:
        """Draw `n` examples: z from the prior, then x from p(x|z), or E[x|z] where `mean` is true; (n, n_visible)."""
        stream = stream or self.streams["sampling"]
        output = self._mean_of_x(stream.normal((check_count("n", n), self.n_latent), self.dtype))
        if mean:
            return output
        return output + self.backend.xp.exp(self.params.log_sigma) * stream.normal(output.shape, self.dtype)

    def _mean_of_x(self, z: Array) -> Array:
        return matmul(z, self.params.W) + self.params.b
