"""Everything that scikit-learn demands of an estimator."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from scratchgen.sklearn import AutoencoderTransformer, BernoulliRBM, VAETransformer

ESTIMATORS = [
    BernoulliRBM(),
    AutoencoderTransformer(hidden=(10,)),
    AutoencoderTransformer(hidden=(10,), likelihood="gaussian"),
    VAETransformer(hidden=(10,)),
    VAETransformer(hidden=(10,), likelihood="gaussian", sigma="learned"),
]


@pytest.mark.filterwarnings("ignore::scratchgen.errors.DataRangeWarning")  # much of the data of the checks is normal
@parametrize_with_checks(ESTIMATORS)
def test_it_is_an_estimator_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)
