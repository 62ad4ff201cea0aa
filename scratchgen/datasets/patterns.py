"""Bars and stripes: small binary images, few enough to enumerate, so that a model's likelihood has a known best value.

Source: D. J. C. MacKay, "Information Theory, Inference, and Learning Algorithms", Cambridge University Press, 2003,
chapter 43.
"""

from __future__ import annotations

import operator

import numpy as np

from scratchgen.datasets.dataset import Dataset
from scratchgen.errors import InputError

_MAXIMUM_SIZE = 16  # 131,070 patterns of 256 pixels; each further row doubles the number


def bars_and_stripes(size: int = 4) -> Dataset:
    r"""Return every distinct pattern of horizontal stripes or vertical bars on a square grid, once.

    A stripe pattern switches whole rows on or off, a bar pattern whole columns. Each orientation has :math:`2^s`
    patterns; all-off and all-on belong to both and **are counted once**, hence

    .. math:: n = 2^{s+1} - 2

    patterns: 2, 6, 14, 30, 62 for s = 1, ..., 5. Under this convention no model exceeds a summed log-likelihood of
    :math:`-n \log n` nats (-36.947 for 3 x 3, -102.036 for 4 x 4). Drawing an orientation and then each row
    independently, as in the reference, counts the two uniform patterns twice and has another optimum.

    Parameters
    ----------
    size : int
        s, the height and width of the grid, from 1 to 16.

    Returns
    -------
    Dataset
        Stripes first, in the order of the binary number with bit r for row r, then the bars. **The test half is a copy
        of the training half**: the patterns are the whole distribution, there is nothing to generalise to. No labels.

    Raises
    ------
    InputError
        If `size` is not an integer from 1 to 16.
    """
    try:
        size = operator.index(size)
    except TypeError:
        raise InputError(f"size of bars-and-stripes: expected an integer, got {size!r}") from None
    if not 1 <= size <= _MAXIMUM_SIZE:
        raise InputError(f"size of bars-and-stripes: expected 1 to {_MAXIMUM_SIZE}, got {size}")

    codes = np.arange(2**size)
    on = (codes[:, None] >> np.arange(size) & 1).astype(np.float32)  # (2^s, s)
    stripes = np.repeat(on[:, :, None], size, axis=2)  # (2^s, s, s)
    bars = stripes[1:-1].transpose(0, 2, 1)  # without all-off and all-on
    x = np.concatenate([stripes, bars]).reshape(-1, size * size)
    return Dataset(
        name="bars-and-stripes", x_train=x, y_train=None, x_test=x.copy(), y_test=None, image_shape=(size, size)
    )
