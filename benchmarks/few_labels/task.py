"""One data set in one division: which labels are told, and how everything on it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

import scratchgen as sg
from benchmarks.few_labels.settings import Size
from scratchgen.datasets import Dataset
from scratchgen.schedules import LinearDecay
from scratchgen.training.mixed import MixedSource
from scratchgen.training.sources import ArraySource

SPLIT = "80/20"


def divided(data: Dataset, column: str, draw: int) -> Dataset:
    """Return the data as they come, or for "80/20" pooled and divided anew."""
    if column != SPLIT:
        return data
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    order = sg.to_numpy(sg.Stream(draw).permutation(len(x)))
    train, test = np.split(order, [n_of_split(data)])
    return replace(data, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


def n_of_split(data: Dataset) -> int:
    """Return the number of labels in an 80/20 split."""
    return round(0.8 * (len(data.x_train) + len(data.x_test)))


@dataclass
class Task:
    """One data set in one division, with the models that no label has touched.

    Attributes
    ----------
    data : Dataset
    size : Size
    scale : float
        Share of the epochs that is trained.
    backend : str
    trained : dict
        The VAEs by name.
    """

    data: Dataset
    size: Size
    scale: float
    backend: str
    trained: dict[str, sg.VAE] = field(default_factory=dict)

    @cached_property
    def n_visible(self) -> int:
        """Number of pixels."""
        return self.data.x_train.shape[1]

    @property
    def network(self) -> dict[str, Any]:
        """Settings of the networks of the models with labels."""
        convolutional = {}
        if self.size.channels:
            convolutional = {"image_shape": self.data.image_shape, "channels": self.size.channels}
        return {"n_latent": self.size.n_latent, **self.size.labelled, **convolutional, "backend": self.backend}

    @property
    def deeper(self) -> tuple[int, ...]:
        """Hidden layers of (d) and (e); behind convolutions there is one."""
        return self.size.hidden if self.size.channels else 2 * self.size.hidden

    def labels(self, column: str, draw: int) -> np.ndarray:
        """Return the labels of the training examples, -1 where hidden."""
        return self.data.y_train if column == SPLIT else sg.hide_labels(self.data.y_train, int(column), seed=draw)

    def vae(self, name: str, hidden: tuple[int, ...], n_latent: int) -> sg.VAE:
        """Return the VAE of this name, trained on all training examples when it is first asked for."""
        if name not in self.trained:
            everything = {"n_latent": n_latent, **self.size.features, "backend": self.backend}
            if self.size.channels:
                vae: sg.VAE = sg.ConvVAE(self.data.image_shape, self.size.channels, hidden[-1], **everything)
            else:
                vae = sg.VAE(self.n_visible, hidden, **everything)
            self.trained[name] = self.fit(vae, self.passes(self.size.epochs.vae), self.data.x_train)
        return self.trained[name]

    def passes(self, epochs: float) -> int:
        """Return how many of so many epochs are trained."""
        return max(1, round(self.scale * epochs))

    def n_steps(
        self, epochs: int, x: np.ndarray, y: np.ndarray | None = None, batch_size: int | None = None, **options: Any
    ) -> int:
        """Return the number of steps of so many passes; options as of ``fit``."""
        source = ArraySource(x) if y is None else MixedSource(sg.Labelled(x, y), **options)
        return epochs * source.n_batches(batch_size or self.size.batch_size)

    def fit(self, model: Any, epochs: int, *data: np.ndarray, **options: Any) -> Any:
        """Train with a learning rate that falls to a tenth by the last step, and return the model."""
        rate = LinearDecay(self.n_steps(epochs, *data, **options), self.size.rate, self.size.rate / 10)
        options = {"batch_size": self.size.batch_size, "optimizer": sg.Adam(rate), "progress": False} | options
        model.fit(*data, epochs=epochs, **options)
        return model

    def batches_of_m2(self, y: np.ndarray) -> dict[str, int]:
        """Return these options of ``fit``. Never fewer have labels than the labelled examples' share.

        So a pass has about as many steps whatever the number of labels, and visits hardly an example twice.
        """
        n = self.size.m2_batch_size
        share = round(n * float((y >= 0).mean()))
        return {"batch_size": n, "labelled_per_batch": max(self.size.labelled_per_batch, share)}
