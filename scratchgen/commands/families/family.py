"""What the commands need to know about a kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import Estimate
from scratchgen.datasets import Dataset
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HeldOut(NamedTuple):
    """What held-out images cost, in nats, by term; and remarks, a line each, on how to read that."""

    terms: dict[str, Estimate]
    remarks: tuple[str, ...] = ()


GREYS_WERE_DRAWN = "grey pixels were drawn as 0 or 1, their intensity being the probability of 1"  # a remark


class Images(NamedTuple):
    """New images (n, n_visible), what they are, in words, and the class of each where they were drawn by class."""

    x: Array
    description: str
    labels: np.ndarray | None = None


class Visible(NamedTuple):
    """How many numbers a model has an example of, and the shape of the image that they make, if it knows."""

    n: int
    image_shape: tuple[int, ...] | None


def visible_of(model: Any) -> Visible:
    """Return what most models say of their examples themselves."""
    return Visible(model.n_visible, getattr(model, "image_shape", None))


class Picture(NamedTuple):
    """What a picture shows, and how it is drawn; it `suits` only some models and data."""

    description: str
    draw: Callable[[Any, Dataset], Figure]
    suits: Callable[[Any, Dataset], bool] = lambda model, data: True


def is_grey(model: Any, data: Dataset) -> bool:
    """Say whether the images have no colours: a picture of weights has colours of its own."""
    return data.image_shape is not None and len(data.image_shape) == 2


@dataclass(frozen=True)
class Family:
    """How the commands treat a kind of model.

    Attributes
    ----------
    describe : callable
        Takes a model; returns its kind and its layers in words.
    options : callable
        Takes a model; returns, by name, what a resumed run must have in common with the one that it continues.
    held_out : callable
        Takes a model, images (n, n_visible), an `Evaluation`, and whether to show progress.
    sample : callable or None
        Takes a model, the number of images, a `Sampling`, and a stream, or None for the model's own. None where the
        models have no p(x), hence nothing to sample.
    pictures : mapping
        What is drawn of a trained model, by the name of the file.
    beside : callable
        Takes a model, training images and held-out ones; returns, by name, what a simpler method that is fitted to the
        former makes of the latter.
    predict : callable or None
        Takes a model and images; returns the class of each. None where the models predict none.
    visible : callable
        Takes a model; returns the `Visible` of the examples that it takes and makes.
    normalised : bool
        Whether ``scratchgen evaluate`` has more to say: log p(x). Of an energy alone it cannot.
    """

    describe: Callable[[Any], str]
    options: Callable[[Any], Mapping[str, Any]]
    held_out: Callable[[Any, np.ndarray, Evaluation, bool], HeldOut]
    sample: Callable[[Any, int, Sampling, Stream | None], Images] | None
    pictures: Mapping[str, Picture]
    beside: Callable[[Any, np.ndarray, np.ndarray], Mapping[str, Estimate]] = lambda model, x_train, x: {}
    predict: Callable[[Any, np.ndarray], Array] | None = None
    visible: Callable[[Any], Visible] = visible_of
    normalised: bool = True
