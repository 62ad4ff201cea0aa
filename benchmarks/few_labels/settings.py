"""What the methods are made of for each data set, and how long they train."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

REVISION = 2  # of what the methods do besides their settings: cells of another one are not comparable


class Epochs(NamedTuple):
    """Passes over the examples at ``--scale 1``; those of the conditional VAE go over as many images as M2's."""

    vae: int
    prediction_constrained: int
    m2: int
    stacked: int


@dataclass(frozen=True)
class Size:
    """The settings for one data set.

    Attributes
    ----------
    data : str
        Name of the data set.
    hidden : tuple of int
        Hidden layers of (b), M2 and the conditional VAE; (d) and (e) have two such layers.
    n_latent : int
        Of all but (c).
    labelled : dict
        Likelihood and activation of the models with labels.
    features : dict
        Those of the VAEs of (c) and (d).
    epochs : Epochs
    batch_size : int
        Of all but M2 and M1 + M2.
    rate : float
        First learning rate; the last is a tenth of it.
    classification_weight : float
        Of M2 and M1 + M2.
    channels : tuple of int
        Makes encoders, decoders and classifiers convolutional, with dense layers of the width of `hidden`.
    plain_hidden, plain_latent
        Hidden layers and latent variables of the VAE of (c).
    m2_batch_size, labelled_per_batch : int
        Of M2 and M1 + M2; more have labels where the share of labelled examples is greater.
    bound_delay : float
        Share of its steps in which M2's classifier does not follow the bounds of unlabelled examples yet.
    prediction_weight, consistency_weight : float
        Of (e); the second, of aggregate and consistency alike, is reached after half of the steps.
    """

    data: str
    hidden: tuple[int, ...]
    n_latent: int
    labelled: dict[str, Any]
    features: dict[str, Any]
    epochs: Epochs
    batch_size: int = 200
    rate: float = 1e-3
    classification_weight: float = 1.0
    channels: tuple[int, ...] = ()
    plain_hidden: tuple[int, ...] = (400,)
    plain_latent: int = 20
    m2_batch_size: int = 200
    labelled_per_batch: int = 20
    bound_delay: float = 0.0
    prediction_weight: float = 10.0
    consistency_weight: float = 50.0

    @property
    def digest(self) -> str:
        """Return eight digits that other settings do not share."""
        return hashlib.sha256(f"{self} {REVISION}".encode()).hexdigest()[:8]


_BINARISED = {"likelihood": "bernoulli", "binarise": True, "activation": "softplus"}
_COLOUR = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": "learned", "activation": "softplus"}
_GREYS = {"likelihood": "bernoulli", "activation": "relu"}
_SHARP = {"likelihood": "gaussian", "sigma": 0.1, "activation": "relu"}
_LONG, _SHORT, _MANY = Epochs(300, 60, 40, 160), Epochs(60, 60, 60, 60), Epochs(300, 60, 100, 160)
_SMALL_STEPS: dict[str, Any] = {"m2_batch_size": 60, "labelled_per_batch": 10, "bound_delay": 0.5}
_DENSE = ((500,), 50, _COLOUR, _COLOUR, _LONG)
_CONVOLUTIONAL = ((256,), 50, _COLOUR, _COLOUR, _LONG)
_MAPS = {"channels": (32, 64, 128), "plain_hidden": (256,)}
SIZES = {
    "digits": Size("digits", (64,), 10, _GREYS, _SHARP, _SHORT, 100, 5e-3, 10.0, plain_hidden=(64,), m2_batch_size=100),
    "mnist": Size("mnist", (500,), 50, _BINARISED, _BINARISED, _MANY, **_SMALL_STEPS),
    "cifar10": Size("cifar10", *_DENSE, plain_hidden=(500,)),
    "cifar10-conv": Size("cifar10", *_CONVOLUTIONAL, **_MAPS),
    "cifar10-subset": Size("cifar10-subset", *_DENSE, plain_hidden=(500,)),
    "cifar10-subset-conv": Size("cifar10-subset", *_CONVOLUTIONAL, **_MAPS),
}
