"""What the estimators with an encoder and a decoder share: training, codes of data and data of codes, scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.models.likelihood import LIKELIHOODS, BernoulliLikelihood, GaussianLikelihood
from scratchgen.models.model import Model
from scratchgen.optim import Adam
from scratchgen.sklearn.estimator import ModelTransformer
from scratchgen.sklearn.rows import mlp_by_example
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count


class AutoencodingTransformer(ModelTransformer):
    """A transformer whose model has the networks ``params.encoder`` and ``params.decoder``."""

    learning_rate: Any
    batch_size: int
    n_iter: int
    verbose: int
    likelihood: str

    # ----------------------------------------------------------------------------------------- what a subclass provides

    @abstractmethod
    def _new_model(self, X: np.ndarray) -> Model:
        """Return an untrained model for data like `X`; bad parameters are errors."""

    @abstractmethod
    def _encoded(self, x: Array) -> Array:
        """Return the code of each example (n, 1, n_features), in its type, as (n, 1, n_components)."""

    @abstractmethod
    def _log_sigma(self) -> Array:
        """Return the logarithm of the standard deviation of a Gaussian likelihood, (1,)."""

    @abstractmethod
    def _scores(self, x: Array) -> Array:
        """Return the score of each example (n, 1, n_features)."""

    # ---------------------------------------------------------------------------------------------------- training

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new model on `X`, in `n_iter` passes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            In [0, 1] for a Bernoulli likelihood. Float32 is computed in float32, everything else in float64.
        y : Ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad data or parameters.
        TrainingError
            The loss became infinite: the learning rate, or the scale of the data, is too large.

        Warns
        -----
        DataRangeWarning
            Values outside [0, 1] for a Bernoulli likelihood; not repeated by the other methods.
        """
        n_iter, batch_size = check_count("n_iter", self.n_iter, least=0), check_count("batch_size", self.batch_size)
        optimizer, self._unit_range = Adam(self.learning_rate), self._has_unit_range()
        X = self._training_data(X, first=True)
        self.model_ = self._new_model(X)
        if n_iter > 0:
            callbacks = [self._report] if self.verbose else ()
            self.model_.fit(
                X, epochs=n_iter, batch_size=batch_size, optimizer=optimizer, callbacks=callbacks, progress=False
            )
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Take one step of Adam on `X`, from where the training so far has led.

        The networks, the likelihood, the seed, the type and the backend are those of the first call, or of `fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            One batch, in [0, 1] for a Bernoulli likelihood.
        y : Ignored

        Returns
        -------
        self
        """
        optimizer, first = Adam(self.learning_rate), not hasattr(self, "model_")
        if first:
            self._unit_range = self._has_unit_range()
        X = self._training_data(X, first)
        if first:
            self.model_ = self._new_model(X)
        self.model_.fit(X, epochs=1, batch_size=X.shape[0], optimizer=optimizer, progress=False)
        return self

    def _has_unit_range(self) -> bool:
        return check_choice("likelihood", self.likelihood, LIKELIHOODS) == "bernoulli"

    def _report(self, model: Model) -> None:
        history = model.history
        print(
            f"[{type(self).__name__}] Iteration {history.epoch[-1]}, loss = {history.loss[-1]:.2f}, "
            f"time = {history.seconds[-1]:.2f}s"
        )

    # ---------------------------------------------------------------------------------------------------- using it

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.params.decoder[0].W.shape[0])

    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each example.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            Float32 where the model and `X` are, else float64.
        """
        X = self._data(X)
        return to_numpy(self._encoded(self._on_backend(X))[:, 0])

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return what the decoder makes of codes: the mean of the data that belong to each.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Float32 where the model and `X` are, else float64.
        """
        check_is_fitted(self, "model_")
        X = check_array(X, dtype=(np.float64, np.float32), input_name="X")
        if X.shape[1] != self._n_features_out:
            raise InputError(f"X has {X.shape[1]} columns, but a code here has {self._n_features_out} units")
        output = self._decoder_output(self._on_backend(X))[:, 0]
        return to_numpy(self._p_x_given_code(output.dtype).mean(output))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the score of each example: the larger, the better it fits the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In float64, whatever the type of the data.
        """
        X = self._data(X)
        return to_numpy(self._scores(self._on_backend(X.astype(np.float64))))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, which a search maximises.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : Ignored
        """
        return float(self.score_samples(X).mean())

    def _on_backend(self, X: np.ndarray) -> Array:
        """Return `X` as (n, 1, columns), in float32 where it and the model are."""
        return self.model_.backend.asarray(X, dtype=np.result_type(X, self.model_.dtype).name)[:, None]

    def _decoder_output(self, code: Array) -> Array:
        """Return what the decoder makes of codes (n, k, n_components): (n, k, n_features)."""
        model = self.model_
        output_activation = self._p_x_given_code(code.dtype).output_activation
        activations = (*(model.activation,) * len(model.decoder_hidden), output_activation)
        return mlp_by_example(model.params.decoder, code, activations, model.backend)

    def _p_x_given_code(self, dtype: Any) -> BernoulliLikelihood | GaussianLikelihood:
        model = self.model_
        if model.likelihood == "bernoulli":
            return BernoulliLikelihood(model.backend)
        return GaussianLikelihood(model.output_mean, self._log_sigma().astype(dtype))
