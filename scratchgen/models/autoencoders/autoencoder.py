r"""The autoencoder with fully connected networks, forward and backward by hand; the other kinds are built on it.

.. math:: J = \frac1n \sum_i -\log p(x_i | h_i) + \frac{\lambda}{2} \sum_l \lVert W_l \rVert_F^2 + \beta\, C,
          \qquad h_i = \text{encoder}(\tilde x_i)

========  ====================  ===================================================================
symbol    shape                 meaning
========  ====================  ===================================================================
x         (n, n_visible)        data
x~        (n, n_visible)        what the encoder sees: the data, or a corrupted copy
h         (n, n_code)           code
output    (n, n_visible)        logits, or the mean of a Gaussian
lambda                          weight decay, on all weights of both networks; biases are left alone
C, beta                         a penalty of the kind, and its cost: sparsity, or contraction
========  ====================  ===================================================================

**The reconstruction term** is a negative log-likelihood in nats, sum over features and mean over the batch, as in the
VAE. For "gaussian" the standard deviation is 1: half the squared error, plus the constant ``n_visible log(2 pi) / 2``.
It has the minima and the gradient of the squared error with a factor 1/2; `reconstruction_error` is the squared error
itself.

References
----------
D. E. Rumelhart, G. E. Hinton, R. J. Williams: "Learning internal representations by error propagation", 1986.
A. Ng: "Sparse autoencoder", CS294A lecture notes, Stanford, 2011 (the form of J).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.errors import InputError
from scratchgen.kernels.matmul import sum_of_squares
from scratchgen.models.autoencoders.jacobian import encoder_jacobian
from scratchgen.models.autoencoders.pca import compare_with_pca
from scratchgen.models.likelihood import (
    LIKELIHOODS,
    OUTPUT_MEANS,
    BernoulliLikelihood,
    GaussianLikelihood,
    check_likelihood_settings,
    warn_of_range,
)
from scratchgen.models.model import Model
from scratchgen.nn.mlp import (
    Layers,
    mlp_backward_,
    mlp_backward_params_,
    mlp_forward,
    mlp_initialise_,
    mlp_layout,
)
from scratchgen.ops.activations import check_activation
from scratchgen.ops.linear import DenseCache
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import (
    check_choice,
    check_count,
    check_matrix,
    check_nonnegative,
    check_numbers,
    check_vectors,
    check_widths,
)


class AutoencoderParams(NamedTuple):
    """Parameters of an autoencoder, or their gradient; the last layer of the encoder gives the code."""

    encoder: Layers
    decoder: Layers


class AutoencoderTerms(NamedTuple):
    """``loss = reconstruction + weight_decay * weights + penalty_cost * penalty``.

    `weights` is half the sum of all squared weights; `penalty` is that of the kind, 0 where it has none.
    """

    loss: Any
    reconstruction: Any
    weights: Any
    penalty: Any


class Encoding(NamedTuple):
    """What the encoder and the penalty give, with what their backward passes need."""

    code: Array
    caches: list[DenseCache]
    penalty: Any
    penalty_cache: Any


class Autoencoder(Model):
    """Autoencoder whose only constraint is the width of its code.

    Parameters
    ----------
    n_visible : int
        Features of an example.
    hidden : tuple of int
        Widths of the encoder's layers below the code; empty for a code that is one layer away from the data.
    n_code : int
        Units of the code. The autoencoder is undercomplete where they are fewer than `n_visible`.
    likelihood : {"bernoulli", "gaussian"}
        Bernoulli takes data in [0, 1]; "gaussian" is half the squared error, up to a constant.
    weight_decay : float
        lambda of the loss.
    decoder_hidden : tuple of int, optional
        Widths of the decoder's hidden layers; by default those of the encoder in reverse.
    activation : str
        Of all hidden layers: "relu", "tanh", "sigmoid", "softplus", "swish", "linear".
    code_activation : str
        Of the code, one of the same.
    output_mean : {"linear", "tanh", "sigmoid"}
        How the decoder's last layer gives the mean of a Gaussian.
    seed : int
    dtype : {"float32", "float64"}
    backend : {"cpu", "numpy", "cuda"} or Backend

    Notes
    -----
    Arrays passed in may be NumPy's on any backend: they are put on the model's. Arrays that come back are of that.
    The loss needs nothing random: `draw_noise` gives an array of no columns.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> autoencoder = sg.Autoencoder(n_visible=64, hidden=(32,), n_code=8, seed=0)
    >>> history = autoencoder.fit(data.x_train, epochs=2, batch_size=64, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    >>> autoencoder.encode(data.x_test[:3]).shape
    (3, 8)
    """

    term_names = AutoencoderTerms._fields
    penalty_cost = 0.0

    def __init__(
        self,
        n_visible: int,
        hidden: tuple[int, ...] = (400,),
        n_code: int = 20,
        *,
        likelihood: str = "bernoulli",
        weight_decay: float = 0.0,
        decoder_hidden: tuple[int, ...] | None = None,
        activation: str = "relu",
        code_activation: str = "linear",
        output_mean: str = "linear",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend = "cpu",
    ) -> None:
        self.n_visible = check_count("n_visible", n_visible)
        self.n_code = check_count("n_code", n_code)
        self.hidden = check_widths("hidden", hidden)
        mirrored = self.hidden[::-1] if decoder_hidden is None else decoder_hidden
        self.decoder_hidden = check_widths("decoder_hidden", mirrored)
        self.likelihood = check_choice("likelihood", likelihood, LIKELIHOODS)
        self.weight_decay = check_nonnegative("weight_decay", weight_decay)
        self.activation = check_activation(activation)
        self.code_activation = check_activation(code_activation)
        self.output_mean = check_choice("output_mean", output_mean, OUTPUT_MEANS)
        check_likelihood_settings(self.likelihood, self.output_mean)
        settings = {
            "n_visible": self.n_visible,
            "hidden": self.hidden,
            "n_code": self.n_code,
            "likelihood": likelihood,
            "weight_decay": self.weight_decay,
            "decoder_hidden": self.decoder_hidden,
            "activation": activation,
            "code_activation": code_activation,
            "output_mean": output_mean,
        }
        layout = AutoencoderParams(
            encoder=mlp_layout((self.n_visible, *self.hidden, self.n_code)),
            decoder=mlp_layout((self.n_code, *self.decoder_hidden, self.n_visible)),
        )
        super().__init__(settings, layout, seed, dtype, backend)

    def _initialise_(self, stream: Stream) -> None:
        mlp_initialise_((*self.params.encoder, *self.params.decoder), stream)

    def adapt_to_data_(self, x: Array) -> None:
        """Set the output bias, where it is still zero, so that a decoder without input gives the mean of the data.

        Warn where a Gaussian mean cannot reach them.
        """
        warn_of_range(self._p_x_given_code, x)
        bias = self.params.decoder[-1].b
        if not bool((bias != 0).any()):
            bias[...] = self._p_x_given_code.output_of_mean(x.mean(axis=0))

    @property
    def _p_x_given_code(self) -> BernoulliLikelihood | GaussianLikelihood:
        if self.likelihood == "bernoulli":
            return BernoulliLikelihood(self.backend)
        return GaussianLikelihood(self.output_mean, self.backend.xp.zeros(1, dtype=self.dtype))

    # --------------------------------------------------------------------------------------------- what a kind adds

    def _seen(self, x: Array, noise: Array) -> Array:
        """Return what the encoder sees of the batch."""
        return x

    def _penalty_forward(self, code: Array, caches: list[DenseCache]) -> tuple[Any, Any]:
        """Return the penalty, not yet times its cost, and what its gradient needs."""
        return 0.0, None

    def _encoder_backward_(self, dcode: Array, encoding: Encoding, out: Layers) -> Array:
        """Fill the gradients of the encoder with those of J, but for weight decay; return that of what it has seen."""
        return mlp_backward_(dcode, encoding.caches, out, self.backend)[0]

    def _encoder_backward_params_(self, dcode: Array, encoding: Encoding, out: Layers) -> None:
        """Fill the gradients of the encoder alone."""
        mlp_backward_params_(dcode, encoding.caches, out, self.backend)

    # ------------------------------------------------------------------------------------------------ data and noise

    def check_data(self, x: Any, name: str = "x") -> Array:
        """Return `x` as this model takes it: (n, n_visible), finite, in [0, 1] for a Bernoulli likelihood."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype, self._p_x_given_code.unit_range)

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return (n, 0)."""
        return (x.shape[0], 0)

    def draw_noise(self, x: Any, stream: Stream | None = None) -> Array:
        """Return what `loss_and_grad` takes as noise: an array of no columns, for the loss needs nothing random."""
        return self.draw_batch_noise(self.check_data(x), stream or self.streams["training_noise"])

    def draw_batch_noise(self, x: Array, stream: Stream) -> Array:
        """Return an array of no columns."""
        return self.backend.xp.empty(self.noise_shape(x), dtype=self.dtype)

    def captured_values(self) -> tuple[Any, ...]:
        """Return none."""
        return ()

    def _check_noise(self, x: Array, noise: Any) -> Array:
        noise, expected = check_numbers("noise", noise), self.noise_shape(x)
        if tuple(noise.shape) != expected:
            raise InputError(f"noise must have shape {expected}, got {tuple(noise.shape)}: draw it with draw_noise(x)")
        return noise

    # -------------------------------------------------------------------------------------------- loss and gradient

    def evaluate_terms(self, x: Array, noise: Array) -> AutoencoderTerms:
        """Return the terms of the loss, without gradient and without checking the input."""
        encoding = self._encode_and_penalise(self._seen(x, noise))
        nll = self._p_x_given_code.nll(self._decode(encoding.code)[0], x)
        return self._terms(nll, encoding.penalty)

    def evaluate_terms_and_grads(self, x: Array, noise: Array, out: AutoencoderParams | None = None) -> Any:
        """Return the terms of the loss and its gradient, without checking the input."""
        grads = self.empty_grads()[1] if out is None else out
        terms, dcode, encoding, _ = self._backward_to_code(x, noise, grads)
        self._encoder_backward_params_(dcode, encoding, grads.encoder)
        if self.weight_decay:
            for layers, gradients in zip(self.params, grads, strict=True):
                for layer, gradient in zip(layers, gradients, strict=True):
                    gradient.W[...] += self.weight_decay * layer.W
        return terms, grads

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` with respect to the data, (n, n_visible).

        The data enter twice: into the encoder, and as what the decoder is asked to reproduce.
        """
        x = self.check_data(x)
        grads = self.empty_grads()[1]
        _, dcode, encoding, output = self._backward_to_code(x, self._check_noise(x, noise), grads)
        dx = self._encoder_backward_(dcode, encoding, grads.encoder)
        return dx + self._target_grad_x(output, x)

    def _target_grad_x(self, output: Array, x: Array) -> Array:
        """Return the gradient with respect to the data as what the decoder is asked to reproduce."""
        dnll = self.backend.xp.full(x.shape[0], 1.0 / x.shape[0], dtype=self.dtype)
        return self._p_x_given_code.grad_x(output, x, dnll)

    def _backward_to_code(self, x: Array, noise: Array, grads: AutoencoderParams) -> Any:
        """Run forward, then backward through the decoder, whose gradients are filled."""
        encoding = self._encode_and_penalise(self._seen(x, noise))
        output, caches = self._decode(encoding.code)
        nll, doutput = self._p_x_given_code.nll_and_grads(output, x, ())
        dcode, _ = mlp_backward_(doutput, caches, grads.decoder, self.backend)
        return self._terms(nll, encoding.penalty), dcode, encoding, output

    def _terms(self, nll: Array, penalty: Any) -> AutoencoderTerms:
        reconstruction = nll.mean()
        weights = 0.5 * sum(sum_of_squares(layer.W) for network in self.params for layer in network)
        loss = reconstruction + self.weight_decay * weights + self.penalty_cost * penalty
        return AutoencoderTerms(loss, reconstruction, weights, penalty)

    # ----------------------------------------------------------------------------------------------------- networks

    def _encode(self, seen: Array) -> tuple[Array, list[DenseCache]]:
        activations = (*(self.activation,) * len(self.hidden), self.code_activation)
        return mlp_forward(self.params.encoder, seen, activations, self.backend)

    def _encode_and_penalise(self, seen: Array) -> Encoding:
        code, caches = self._encode(seen)
        return Encoding(code, caches, *self._penalty_forward(code, caches))

    def _decode(self, code: Array) -> tuple[Array, list[DenseCache]]:
        activations = (*(self.activation,) * len(self.decoder_hidden), self._p_x_given_code.output_activation)
        return mlp_forward(self.params.decoder, code, activations, self.backend)

    # ----------------------------------------------------------------------------------------------------- using it

    def encode(self, x: Any) -> Array:
        """Return the code of each example, (n, n_code)."""
        return self._encode(self.check_data(x))[0]

    def decode(self, code: Any) -> Array:
        """Return the mean of p(x|code) for codes (..., n_code), as (..., n_visible)."""
        code = check_vectors("code", code, self.n_code, self.backend, self.dtype)
        mean = self._p_x_given_code.mean(self._decode(code.reshape(-1, self.n_code))[0])
        return mean.reshape(*code.shape[:-1], self.n_visible)

    def reconstruct(self, x: Any) -> Array:
        """Return the decoded code of each example, (n, n_visible)."""
        return self.decode(self.encode(x))

    def reconstruction_cost(self, x: Any) -> Array:
        """Return -log p(x|code) of each example, in nats, (n,): the mean of it is the reconstruction term.

        Nothing is corrupted.
        """
        x = self.check_data(x)
        return self._p_x_given_code.nll(self._decode(self.encode(x))[0], x)

    def reconstruction_error(self, x: Any) -> Array:
        """Return the squared distance of each example to its reconstruction, (n,): a sum over the features."""
        x = self.check_data(x)
        return ((x - self.reconstruct(x)) ** 2).sum(axis=1)

    encoder_jacobian = encoder_jacobian
    compare_with_pca = compare_with_pca
