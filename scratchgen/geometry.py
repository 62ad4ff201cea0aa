"""The geometry of a convolution: which windows of an image it looks at.

An image (height, width) is framed by zeros, and a window (k_h, k_w) is put at every multiple of the stride that leaves
it inside the frame. The windows form the grid (h, w):

    h = floor((height + top + bottom - k_h) / s_h) + 1,   w likewise.

A convolution maps images to grids; the transposed convolution of the same geometry maps grids to images. The image is a
part of the geometry because the grid does not determine it: with a stride of 2, images of 13 and of 14 rows may have
the same grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scratchgen.errors import InputError
from scratchgen.kernels.im2col import Padding, Pair, grid_of_windows
from scratchgen.validation import check_count


@dataclass(frozen=True)
class Geometry:
    """Where a convolution puts its windows.

    Attributes
    ----------
    image : (int, int)
        Height and width of the image.
    kernel : (int, int)
        Height and width of a window.
    stride : (int, int)
        Rows and columns from one window to the next.
    padding : (int, int, int, int)
        Rows of zeros on top and at the bottom, columns of zeros on the left and on the right.

    Raises
    ------
    InputError
        A size or a stride is below 1, a padding is negative, or the kernel is larger than the padded image.

    Examples
    --------
    >>> Geometry(image=(28, 28), kernel=(3, 3), stride=(2, 2), padding=(0, 1, 0, 1)).grid
    (14, 14)
    """

    image: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        for name, n, least in (("image", 2, 1), ("kernel", 2, 1), ("stride", 2, 1), ("padding", 4, 0)):
            value = getattr(self, name)
            if not isinstance(value, tuple) or len(value) != n:
                raise InputError(f"{name} must be a tuple of {n} integers, got {value!r}")
            for number in value:
                check_count(f"each number in {name}", number, least)
        if min(self.grid) < 1:
            padded = self.image[0] + sum(self.padding[:2]), self.image[1] + sum(self.padding[2:])
            raise InputError(
                f"kernel {self.kernel} does not fit into the image, which is {padded} with its padding: "
                "take a smaller kernel or more padding"
            )

    @property
    def grid(self) -> Pair:
        """The numbers of windows (h, w): the size of what a convolution returns."""
        return grid_of_windows(self.image, self.kernel, self.stride, self.padding)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros (before, after) that TensorFlow's "same" adds along one axis.

    The grid then has ceil(size / stride) windows. It takes the fewest zeros that do this, half of them before the
    image and half after it; if their number is odd, there is one more after it:

        zeros = max((ceil(size / stride) - 1) stride + kernel - size, 0),   before = floor(zeros / 2).

    Examples
    --------
    >>> same_padding(28, 3, 1), same_padding(28, 3, 2), same_padding(7, 3, 2)
    ((1, 1), (0, 1), (1, 1))

    References
    ----------
    TensorFlow API, ``tf.nn``: "Notes on padding".
    """
    size, kernel, stride = (
        check_count(name, n) for name, n in (("size", size), ("kernel", kernel), ("stride", stride))
    )
    n_windows = -(-size // stride)
    zeros = max((n_windows - 1) * stride + kernel - size, 0)
    return zeros // 2, zeros - zeros // 2


def same_geometry(image: Pair, kernel: int, stride: int) -> Geometry:
    """Return the geometry with a square kernel, equal strides and "same" padding."""
    vertical, horizontal = (same_padding(size, kernel, stride) for size in image)
    return Geometry(image, (kernel, kernel), (stride, stride), (*vertical, *horizontal))


def same_geometries(image: Pair, kernel: int, strides: Sequence[int]) -> tuple[Geometry, ...]:
    """Return the geometries of convolutions one after the other, with "same" padding: a grid is the next one's image.

    In reverse order they are those of transposed convolutions that lead from the last grid back to `image`.

    Examples
    --------
    >>> [geometry.grid for geometry in same_geometries((28, 28), kernel=3, strides=(1, 2, 2))]
    [(28, 28), (14, 14), (7, 7)]
    """
    geometries = []
    for stride in strides:
        geometries.append(same_geometry(image, kernel, stride))
        image = geometries[-1].grid
    return tuple(geometries)
