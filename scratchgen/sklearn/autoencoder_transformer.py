"""The autoencoder with scikit-learn's interface."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import BACKEND_NAMES
from scratchgen.models.autoencoders.autoencoder import Autoencoder
from scratchgen.sklearn.autoencoding import AutoencodingTransformer
from scratchgen.sklearn.estimator import seed_of
from scratchgen.sklearn.rows import mlp_by_example
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count


class AutoencoderTransformer(AutoencodingTransformer):
    r"""Autoencoder: an encoder and a decoder, trained together so that decoded codes are like the data.

    .. math:: J = \frac1n \sum_i -\log p(x_i | h_i) + \frac{\lambda}{2} \sum_l \lVert W_l \rVert_F^2,
              \qquad h_i = \text{encoder}(x_i)

    The features that `transform` returns are the code h. With ``hidden=()``, ``code_activation="linear"`` and a
    Gaussian likelihood it finds the subspace of PCA; hidden layers let the code follow a curved manifold.

    Parameters
    ----------
    n_components : int, default=20
        Units of the code.
    hidden : tuple of int, default=(400,)
        Widths of the encoder's layers below the code.
    decoder_hidden : tuple of int or None, default=None
        Widths of the decoder's hidden layers; by default those of the encoder in reverse.
    likelihood : {"bernoulli", "gaussian"}, default="bernoulli"
        Bernoulli takes data in [0, 1]. Gaussian, which is half the squared error, takes any.
    activation : {"relu", "tanh", "sigmoid", "softplus", "swish", "linear"}, default="relu"
        Of all hidden layers.
    code_activation : str, default="linear"
        Of the code, one of the same.
    output_mean : {"linear", "tanh", "sigmoid"}, default="linear"
        How the decoder's last layer gives the mean of a Gaussian.
    weight_decay : float, default=0.0
        lambda of the loss.
    learning_rate : float, default=0.001
        Of Adam. It may be a schedule of `scratchgen.schedules`.
    batch_size : int, default=128
        Examples in a batch.
    n_iter : int, default=10
        Passes over the training data in `fit`.
    verbose : int, default=0
        Above 0, print the mean loss of each pass of `fit`.
    random_state : int, RandomState instance or None, default=None
        Seeds the initial weights and the order of the examples. Pass an int for equal results in every call of `fit`.
    backend : {"cpu", "numpy", "cuda"}, default="cpu"
        What computes: compiled kernels, NumPy alone, or a GPU. Data come from NumPy and results go to it in each case.

    Attributes
    ----------
    model_ : scratchgen.Autoencoder
        The trained model, for everything else: its training history, its gradients, saving it to a file.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where the data have names that are all strings.

    See Also
    --------
    scratchgen.Autoencoder : The same model by itself; beside it the denoising, the sparse and the contractive one.
    VAETransformer : An autoencoder whose codes have a distribution.

    Notes
    -----
    - `score_samples` is minus the squared distance of an example to its reconstruction, a sum over the features, for
      both likelihoods: scores of different settings can be compared with each other and with PCA.
    - Values outside [0, 1] are no probabilities of a Bernoulli pixel. They are clipped, with a `DataRangeWarning`.
    - Sparse data are accepted, but made dense. `partial_fit` goes on in the type of the data that it began with.
    - On a CPU, the row that `transform`, `inverse_transform` or `score_samples` returns for an example is the same, to
      the bit, in every batch. Two runs on one machine with one `random_state` and one number of threads are equal.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams: "Learning internal representations by error propagation", 1986.
    P. Baldi, K. Hornik: "Neural networks and principal component analysis: learning from examples without local
    minima", Neural Networks 2, 1989.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from scratchgen.sklearn import AutoencoderTransformer
    >>> X = load_digits().data / 16
    >>> model = AutoencoderTransformer(n_components=8, hidden=(32,), n_iter=2, random_state=0).fit(X)
    >>> code = model.transform(X)
    >>> code.shape
    (1797, 8)
    >>> model.inverse_transform(code).shape
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
        code_activation: str = "linear",
        output_mean: str = "linear",
        weight_decay: float = 0.0,
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
        self.code_activation = code_activation
        self.output_mean = output_mean
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.backend = backend

    def _new_model(self, X: np.ndarray) -> Autoencoder:
        return Autoencoder(
            X.shape[1],
            self.hidden,
            check_count("n_components", self.n_components),
            decoder_hidden=self.decoder_hidden,
            likelihood=self.likelihood,
            activation=self.activation,
            code_activation=self.code_activation,
            output_mean=self.output_mean,
            weight_decay=self.weight_decay,
            seed=seed_of(self.random_state),
            dtype=X.dtype.name,
            backend=check_choice("backend", self.backend, BACKEND_NAMES),
        )

    def _encoded(self, x: Array) -> Array:
        model = self.model_
        activations = (*(model.activation,) * len(model.hidden), model.code_activation)
        return mlp_by_example(model.params.encoder, x, activations, model.backend)

    def _log_sigma(self) -> Array:
        return self.model_.backend.xp.zeros(1)

    def _scores(self, x: Array) -> Array:
        output = self._decoder_output(self._encoded(x))[:, 0]
        return -((x[:, 0] - self._p_x_given_code(x.dtype).mean(output)) ** 2).sum(axis=1)
