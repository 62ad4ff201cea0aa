"""The restricted Boltzmann machine with scikit-learn's interface."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from scratchgen.backend import BACKEND_NAMES, to_numpy
from scratchgen.inference.pseudo_likelihood import pseudo_log_likelihood
from scratchgen.kernels.bias_activation import bias_activation_forward_
from scratchgen.models.boltzmann.negative_phase import METHODS, ContrastiveDivergence
from scratchgen.models.boltzmann.rbm import RBM
from scratchgen.optim import SGD
from scratchgen.sklearn.estimator import ModelTransformer, seed_of
from scratchgen.sklearn.rows import row_products, without_rounding_of_sums
from scratchgen.validation import check_choice, check_count

_NEVER = 2**62  # epochs
_SCORED_ROWS = 1000  # of the training data, after each pass that is reported


class BernoulliRBM(ModelTransformer):
    r"""Restricted Boltzmann machine with binary visible and binary hidden units, trained without labels.

    .. math:: p(v) = \frac{e^{-F(v)}}{Z}, \qquad
              F(v) = - b \cdot v - \sum_j \log\left(1 + e^{c_j + (v W)_j}\right)

    The features that `transform` returns are :math:`p(h_j = 1 | v)`. It takes the place of
    ``sklearn.neural_network.BernoulliRBM`` in a pipeline or a search; the notes say what differs.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    learning_rate : float, default=0.1
        Of gradient descent. It is worth a search, from 1 down to 0.001. It may be a schedule of `scratchgen.schedules`.
    batch_size : int, default=10
        Examples in a batch; also the number of persistent chains.
    n_iter : int, default=10
        Passes over the training data in `fit`.
    verbose : int, default=0
        Above 0, print the mean `score_samples` of the first 1,000 examples after each pass of `fit`.
    random_state : int, RandomState instance or None, default=None
        Seeds the initial weights, the order of the examples, the chains, and `gibbs` and `sample`. Pass an int for
        equal results in every call of `fit`.
    method : {"pcd", "cd", "pt"}, default="pcd"
        Where the negative samples come from: persistent contrastive divergence, as in scikit-learn; contrastive
        divergence, whose chains start at the batch; or parallel tempering, with chains at ten temperatures.
    k : int, default=1
        Gibbs sweeps for each batch.
    backend : {"cpu", "numpy", "cuda"}, default="cpu"
        What computes: compiled kernels, NumPy alone, or a GPU. Data come from NumPy and results go to it in each case.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights, the transpose of W.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases c of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases b of the visible units.
    model_ : scratchgen.RBM
        The trained model, for everything else: its training history, its log-likelihood, saving it to a file.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where the data have names that are all strings.

    See Also
    --------
    scratchgen.RBM : The same machine with all of its options, Gaussian visible units among them.
    sklearn.neural_network.BernoulliRBM : What it takes the place of.

    Notes
    -----
    Parameters, attributes and methods are those of scikit-learn. What differs:

    - `score_samples` is deterministic and flips every unit. Scikit-learn flips one unit of each row at random and
      multiplies by their number, which has the same mean for rows of 0 and 1.
    - Visible biases start at the log odds of the data's means (in `partial_fit`, of the first batch) instead of 0.
      Examples come in a fresh random order in each pass. Hence the weights are not those of scikit-learn for the same
      seed, and early passes score higher.
    - A batch that is smaller than the others, and any batch of `partial_fit`, is weighed correctly against the chains:
      both phases are means. Scikit-learn divides the sum over all chains by the size of the batch.
    - There is no ``h_samples_``: the persistent chains are kept as visible states, in ``model_.chains``.
    - Values outside [0, 1] are no probabilities of a binary unit. They are clipped, with a `DataRangeWarning`, where
      scikit-learn computes with them as they are.
    - `partial_fit` goes on in the type of the data that it began with, where scikit-learn's is float64. `gibbs` checks
      its input. Sparse data are accepted, but made dense.

    On a CPU, the row that `transform` or `score_samples` returns for an example is the same, to the bit, in every
    batch. Two runs on one machine with one `random_state` and one number of threads are equal.

    References
    ----------
    G. E. Hinton: "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.
    T. Tieleman: "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgen.sklearn import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> model = BernoulliRBM(n_components=2, random_state=0)
    >>> model.fit(X)
    BernoulliRBM(n_components=2, random_state=0)
    >>> model.transform(X).shape
    (4, 2)
    >>> bool(model.score(X) < 0)
    True
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        method: str = "pcd",
        k: int = 1,
        backend: str = "cpu",
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.k = k
        self.backend = backend

    # ---------------------------------------------------------------------------------------------------- training

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new model on `X`, in `n_iter` passes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            In [0, 1]: states, or probabilities of them. Float32 is computed in float32, everything else in float64.
        y : Ignored

        Returns
        -------
        self : BernoulliRBM

        Raises
        ------
        ValueError
            Bad data or parameters.
        TrainingError
            The parameters grew beyond all bounds: the learning rate is too large.

        Warns
        -----
        DataRangeWarning
            Values outside [0, 1]; not repeated by the other methods.
        """
        n_iter, batch_size = check_count("n_iter", self.n_iter, least=0), check_count("batch_size", self.batch_size)
        options = self._training_options()
        X = self._training_data(X, first=True)
        self.model_ = self._new_model(X)
        if n_iter > 0:
            callbacks = [lambda model: self._report(X)] if self.verbose else ()
            self._train(X, n_iter, batch_size, callbacks=callbacks, **options)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Take one step of gradient descent on `X`, from where the training so far has led.

        The number of hidden units, the seed, the type and the backend are those of the first call, or of `fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            One batch, in [0, 1].
        y : Ignored

        Returns
        -------
        self : BernoulliRBM
        """
        options = self._training_options()
        first = not hasattr(self, "model_")
        X = self._training_data(X, first)
        if first:
            self.model_ = self._new_model(X)
        self._train(X, 1, X.shape[0], **options)
        return self

    def _new_model(self, X: np.ndarray) -> RBM:
        return RBM(
            X.shape[1],
            check_count("n_components", self.n_components),
            seed=seed_of(self.random_state),
            dtype=X.dtype.name,
            backend=check_choice("backend", self.backend, BACKEND_NAMES),
        )

    def _training_options(self) -> dict[str, Any]:
        """Return method and optimiser for `RBM.fit`; they are checked before anything is changed."""
        description = METHODS[check_choice("method", self.method, tuple(METHODS))]
        n_chains = check_count("batch_size", self.batch_size)
        persistent = {} if description is ContrastiveDivergence else {"n_chains": n_chains}
        return {"method": description(k=self.k, **persistent), "optimizer": SGD(self.learning_rate)}

    def _train(self, X: np.ndarray, epochs: int, batch_size: int, **options: Any) -> None:
        self.model_.fit(X, epochs=epochs, batch_size=batch_size, monitor_every=_NEVER, progress=False, **options)

    def _report(self, X: np.ndarray) -> None:
        history = self.model_.history
        print(
            f"[{type(self).__name__}] Iteration {history.epoch[-1]}, "
            f"pseudo-likelihood = {self._pseudo_log_likelihood(X[:_SCORED_ROWS]).mean():.2f}, "
            f"time = {history.seconds[-1]:.2f}s"
        )

    # ---------------------------------------------------------------------------------------------- what is learned

    @property
    def components_(self) -> np.ndarray:
        """Weights (n_components, n_features)."""
        return to_numpy(self.model_.W).T

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """Biases of the hidden units (n_components,)."""
        return to_numpy(self.model_.c)

    @property
    def intercept_visible_(self) -> np.ndarray:
        """Biases of the visible units (n_features,)."""
        return to_numpy(self.model_.b)

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.n_hidden)

    # ---------------------------------------------------------------------------------------------------- using it

    def transform(self, X: Any) -> np.ndarray:
        """Return p(h = 1 | v = X), the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        h : ndarray of shape (n_samples, n_components)
            Float32 where the model and `X` are, else float64.
        """
        X = self._data(X)
        backend, dtype = self.model_.backend, np.result_type(X, self.model_.dtype)
        v, W, c = (backend.asarray(array, dtype=dtype) for array in (X, self.model_.W, self.model_.c))
        return to_numpy(bias_activation_forward_.on(backend)(row_products(v, W), c, "sigmoid")[0])

    def gibbs(self, v: Any) -> np.ndarray:
        """Return the visible units after one sweep from `v`: the hidden units are drawn first, then the visible ones.

        Each call draws further random numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        v_new : ndarray of bool, of shape (n_samples, n_features)
        """
        return to_numpy(self.model_.gibbs(self._data(v))) > 0

    def sample(self, n_samples: int = 1, n_sweeps: int = 1000) -> np.ndarray:
        """Return visible units that chains reach in `n_sweeps` sweeps from independent units.

        They approach the law of the model as `n_sweeps` grows. Each call draws further random numbers.

        Parameters
        ----------
        n_samples : int, default=1
        n_sweeps : int, default=1000

        Returns
        -------
        v : ndarray of bool, of shape (n_samples, n_features)
        """
        check_is_fitted(self, "model_")
        return to_numpy(self.model_.sample(check_count("n_samples", n_samples), n_sweeps)) > 0

    def free_energy(self, X: Any) -> np.ndarray:
        """Return F(v) of each row: -log p(v) up to log Z, a constant of the model, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
        """
        return to_numpy(self.model_.free_energy(self._data(X)))

    def score_samples(self, X: Any) -> np.ndarray:
        r"""Return the pseudo-log-likelihood :math:`\sum_i \log p(v_i | v_{-i})` of each row, in nats.

        It is exact for rows of 0 and 1. The model gives probabilities to such rows only: in any other, a value above
        0.5 is taken for 1 and the rest for 0, the most probable state of independent units with these probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        pseudo_likelihood : ndarray of shape (n_samples,)
            In float64, whatever the type of the data.
        """
        return self._pseudo_log_likelihood(self._data(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, which a search maximises.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : Ignored
        """
        return float(self.score_samples(X).mean())

    def _pseudo_log_likelihood(self, X: np.ndarray) -> np.ndarray:
        W, b, c, _ = self.model_.machine
        v, b, c = (self.model_.backend.asarray(array, dtype="float64") for array in (X > 0.5, b, c))
        return to_numpy(pseudo_log_likelihood(v, without_rounding_of_sums(W), b, c))
