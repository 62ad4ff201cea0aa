r"""Anomaly detection: how far an example is from the data that a model was trained on, and how well that tells.

All scores are higher for what is more unusual, one number an example, in nats:

====================  ==========================================================  ============================
score                 formula                                                     asks
====================  ==========================================================  ============================
kl                    KL(q(z|x) || p(z))                                          is its code unusual?
reconstruction        -E_q[log p(x|z)]                                            can it be reproduced?
elbo                  -ELBO(x) = reconstruction + kl                              both
log_likelihood        -log p(x), importance-sampled                               is it improbable?
====================  ==========================================================  ============================

and `squared_error`, :math:`\sum_j (x_j - r_j(x))^2`, which needs no more than a reconstruction r(x).

The KL divergence alone is often worse than chance: an encoder that does not know an image tends to put it where the
prior is highest, so that its code is the least unusual of all. That shows only in how badly the image is reproduced.

References
----------
J. An, S. Cho: "Variational autoencoder based anomaly detection using reconstruction probability", SNU Data Mining
Center technical report, 2015.
E. Nalisnick, A. Matsukawa, Y. W. Teh, D. Gorur, B. Lakshminarayanan: "Do deep generative models know what they don't
know?", ICLR 2019 (simple images can have a high likelihood although no such image was seen in training).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.ops.divergences import kl_standard_normal_forward
from scratchgen.uses.protocols import LatentVariableModel, Reconstructs
from scratchgen.validation import check_count, check_float_array


class AnomalyScores(NamedTuple):
    """What each score says of each example, in nats, (n,) of float64: higher is more unusual."""

    kl: np.ndarray
    reconstruction: np.ndarray
    elbo: np.ndarray
    log_likelihood: np.ndarray


class LeftOut(NamedTuple):
    """A data set without one class, and that class by itself.

    Attributes
    ----------
    data : Dataset
        Without the class, in training and in test; the labels keep their numbers.
    x_anomalous : array (n, features)
        The test examples of the class.
    """

    data: Dataset
    x_anomalous: np.ndarray


def leave_class_out(data: Dataset, label: int) -> LeftOut:
    """Return `data` without one class, to train on and as normal test data, and the class as anomalies.

    Raises
    ------
    InputError
        The data have no labels, or none or only such as `label` among the training or the test examples.
    """
    if data.y_train is None or data.y_test is None:
        raise InputError(f"{data.name} has no labels: leave a class out of one that has")
    train, test = data.y_train != label, data.y_test != label
    if train.all() or test.all() or not train.any() or not test.any():
        raise InputError(f"label must be one of several classes of {data.name}, got {label!r}")
    kept = replace(
        data,
        x_train=data.x_train[train],
        y_train=data.y_train[train],
        x_test=data.x_test[test],
        y_test=data.y_test[test],
    )
    return LeftOut(kept, data.x_test[~test])


def anomaly_scores(model: LatentVariableModel, x: Any, n_elbo: int = 100, n_likelihood: int = 1000) -> AnomalyScores:
    """Return the four scores of each example under a model with an ELBO, such as a VAE.

    The reconstruction term is what the ELBO leaves when the KL divergence, which is exact, is taken off.

    Parameters
    ----------
    model : has encode, elbo, log_likelihood
        With q(z|x) and p(z) as the VAE has them: ``encode`` returns mean and log_var.
    x : array (n, n_visible)
    n_elbo, n_likelihood : int
        Draws of z an example for the ELBO, and for log p(x).

    Raises
    ------
    InputError
        The model has no ELBO; `x` is not data of the model; or a number of draws is not a positive integer.
    """
    if not isinstance(model, LatentVariableModel):
        raise InputError(
            "anomaly_scores needs a model with encode, elbo and log_likelihood, such as a VAE, got "
            f"{type(model).__name__}: use squared_error, which takes any autoencoder"
        )
    mean, log_var = (to_numpy(part).astype(np.float64) for part in model.encode(x))
    kl = kl_standard_normal_forward(mean, log_var)[0]
    minus_elbo = -to_numpy(model.elbo(x, check_count("n_elbo", n_elbo))).astype(np.float64)
    log_likelihood = to_numpy(model.log_likelihood(x, check_count("n_likelihood", n_likelihood))).astype(np.float64)
    return AnomalyScores(kl, minus_elbo - kl, minus_elbo, -log_likelihood)


def squared_error(model: Reconstructs, x: Any) -> np.ndarray:
    """Return the squared distance of each example to its reconstruction, (n,), a score for any autoencoder.

    Raises
    ------
    InputError
        `x` is not data of the model.
    """
    x = to_numpy(x)
    return np.sum((x - to_numpy(model.reconstruct(x)).astype(np.float64)) ** 2, axis=1)


def area_under_roc(normal: Any, anomalous: Any) -> float:
    """Return the AUROC of a score: the probability that an anomaly has a higher one than a normal example.

    1 separates them without error, 1/2 is chance, and below 1/2 anomalies score lower. Equal scores count half.

    Parameters
    ----------
    normal, anomalous : array (n,)
        The scores of both, not equally many in general.

    Raises
    ------
    InputError
        Either is not a vector of finite numbers, or is empty.

    Examples
    --------
    >>> area_under_roc([0.0, 1.0], [0.5, 2.0])
    0.75
    """
    scores = [to_numpy(check_float_array(name, s)) for name, s in (("normal", normal), ("anomalous", anomalous))]
    if any(s.ndim != 1 for s in scores):
        raise InputError(f"expected vectors of scores, got shapes {scores[0].shape} and {scores[1].shape}")
    from sklearn.metrics import roc_auc_score  # takes 0.8 s to import

    is_anomaly = np.repeat([0, 1], [len(s) for s in scores])
    return float(roc_auc_score(is_anomaly, np.concatenate(scores)))
