"""The classifiers of scikit-learn that read the codes of M1: logistic regression, or a support-vector machine.

======  =============  =========================================
symbol  shape          meaning
======  =============  =========================================
codes   (n, n_latent)  posterior means, float64
labels  (n,)           their classes, each of them at least once
======  =============  =========================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.ops.softmax import log_softmax_forward

CLASSIFIERS = {"logistic": 1.0, "svm": 10.0}  # with the regularisation that suits codes of unit scale


def fitted_classifier(kind: str, regularisation: float, codes: np.ndarray, labels: np.ndarray) -> Any:
    """Return the estimator of this kind, fitted to the codes."""
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=regularisation, max_iter=5000).fit(codes, labels)
    from sklearn.svm import SVC

    # With ties broken, the prediction is the class of the highest score.
    return SVC(C=regularisation, break_ties=True).fit(codes, labels)


def class_probabilities(classifier: Any, codes: np.ndarray) -> np.ndarray:
    """Return the probability of each class, (n, n_classes); the softmax of the scores where there are scores alone."""
    if hasattr(classifier, "predict_proba"):
        return classifier.predict_proba(codes)
    scores = classifier.decision_function(codes)  # of two classes one column
    return log_softmax_forward(np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores)[1]
