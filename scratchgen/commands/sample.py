"""``scratchgen sample``: new images from a trained model, as a picture or as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.checkpoint import load
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.families import family_of
from scratchgen.commands.families.family import Visible
from scratchgen.commands.folders import prepare_folder
from scratchgen.commands.options import Sampling
from scratchgen.commands.pictures import DOTS_PER_INCH
from scratchgen.errors import InputError
from scratchgen.random import Stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".npy")


def draw_samples(
    weights: Path,
    n: int,
    outs: Sequence[Path],
    sampling: Sampling,
    seed: int | None,
    image_shape: tuple[int, ...] | None,
    backend_name: str,
) -> None:
    """Draw `n` images or points and write them to each of `outs`: a picture (.png), or an array (n, n_visible) (.npy).

    Raises
    ------
    FileFormatError
        `weights` is not a whole weights file.
    InputError
        The model has no distribution to sample from; a name ends otherwise, cannot be written, or the shape of the
        images is unknown or does not fit.
    """
    for out in outs:
        if out.suffix not in FORMATS:
            raise InputError(f"cannot tell what {out} should be: its name must end in {' or '.join(FORMATS)}")
        prepare_folder(out.parent)
    backend = announce_backend(backend_name)
    model = load(weights, backend)
    family = family_of(model)
    if family.sample is None:
        raise InputError(
            f"{weights} holds an autoencoder, {type(model).__name__}, which has no distribution to sample from: "
            "train a VAE or an RBM"
        )
    drawn = family.sample(model, n, sampling, None if seed is None else Stream(seed, backend))
    x = to_numpy(drawn.x)
    for out in outs:
        if out.suffix == ".png":
            _draw(x, drawn.labels, image_shape, family.visible(model)).savefig(out, dpi=DOTS_PER_INCH)
        else:
            np.save(out, x)
        print(f"wrote {out}: {n} {'points' if _are_points(x, image_shape) else 'images'}, {drawn.description}")


def _draw(x: np.ndarray, labels: np.ndarray | None, image_shape: tuple[int, ...] | None, visible: Visible) -> Figure:
    if _are_points(x, image_shape):
        return plots.point_clouds({"samples": x})
    shape = _image_shape(image_shape, visible)
    return plots.image_grid(x, shape) if labels is None else plots.class_samples(x, labels, shape)


def _are_points(x: np.ndarray, image_shape: tuple[int, ...] | None) -> bool:
    """Say whether rows of two numbers are to be shown as points of the plane: unless a shape makes them images."""
    return x.shape[1] == 2 and image_shape is None


def _image_shape(given: tuple[int, ...] | None, visible: Visible) -> tuple[int, ...]:
    """Return the shape that was given, or that a convolutional model knows, or else that of a square grey image."""
    side = math.isqrt(visible.n)
    shape = given or visible.image_shape or (side, side)
    if math.prod(shape) != visible.n:
        which = f"{' x '.join(map(str, shape))} images do not" if given else "no square image does"
        raise InputError(
            f"the model has {visible.n} numbers an image and {which}: "
            "give height and width, such as --shape 28x28, or --shape 32x32x3 for colours"
        )
    return shape
