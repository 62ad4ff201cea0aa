"""What the estimators share: data as scikit-learn checks them, a seed, and a trained model that pickles."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from scratchgen.backend import to_numpy
from scratchgen.errors import DataRangeWarning
from scratchgen.models.model import Model, State
from scratchgen.validation import is_integer


class ModelTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer whose fitted state is a model of this package, in `model_`."""

    model_: Any
    _unit_range = True  # whether data outside [0, 1] are clipped
    _warned_of_range: bool

    def _training_data(self, X: Any, first: bool) -> np.ndarray:
        """Return `X` to be trained on; its columns are those of the estimator from now on where it is the `first`."""
        X = _dense(validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=first))
        warned = False if first else self._warned_of_range
        X, self._warned_of_range = _in_unit_range(X, warned) if self._unit_range else (X, warned)
        return X

    def _data(self, X: Any) -> np.ndarray:
        """Return `X` to be looked at by the fitted estimator, which stays as it is."""
        check_is_fitted(self, "model_")
        X = _dense(validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), reset=False))
        return _in_unit_range(X, self._warned_of_range)[0] if self._unit_range else X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Replace the model, whose parameters are views of one buffer, by its settings and its state in NumPy."""
        state = dict(super().__getstate__())
        if "model_" in state:
            model = state["model_"]
            whole = model.state()
            arrays = {name: to_numpy(array) for name, array in whole.arrays.items()}
            state["model_"] = (type(model), model.settings, model.backend.name, State(arrays, whole.values))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": _restored(*state["model_"])}
        super().__setstate__(state)


def seed_of(random_state: Any) -> int:
    """Return an integer as it is, and else one that is drawn from `random_state`.

    Raises
    ------
    ValueError
        It is no integer from 0 to 2**32 - 1, no ``RandomState`` and not None.
    """
    generator = check_random_state(random_state)
    return int(random_state) if is_integer(random_state) else int(generator.randint(2**32, dtype=np.uint64))


def _dense(X: Any) -> np.ndarray:
    return X if isinstance(X, np.ndarray) else X.toarray()


def _in_unit_range(X: np.ndarray, warned: bool) -> tuple[np.ndarray, bool]:
    """Return `X` clipped to [0, 1], and whether the clipping was warned of, now or before."""
    low, high = X.min(), X.max()
    if low >= 0 and high <= 1:
        return X, warned
    if not warned:
        warnings.warn(
            f"the data should lie in [0, 1], got values in [{low:g}, {high:g}]: what is outside is taken for the "
            "nearer end. Scale the data first, for example with MinMaxScaler(clip=True)",
            DataRangeWarning,
            stacklevel=4,
        )
    return np.clip(X, 0, 1), True


def _restored(model_class: type[Model], settings: dict[str, Any], backend: str, state: State) -> Model:
    model = model_class(**settings, backend=backend)
    model.restore(state)
    return model
