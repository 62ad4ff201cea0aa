"""What the codes of a data set tell about a latent space."""

from __future__ import annotations

from typing import Any

from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.validation import check_nonnegative, check_numbers


def active_units(mean: Any, threshold: float = 0.01) -> Array:
    """Say which latent variables are in use: those whose posterior mean varies over the examples, (n_latent,) of bool.

    A unit counts as active where the variance of E[z|x] over the data exceeds `threshold`. The prior has variance 1; a
    unit that the decoder ignores keeps q(z|x) at the prior, and its mean at 0 whatever x.

    Parameters
    ----------
    mean : array (n, n_latent)
        ``model.encode(x)[0]`` for at least two examples.
    threshold : float

    Raises
    ------
    InputError
        Not such an array, or a threshold that is not a number >= 0.

    References
    ----------
    Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016, section 5.2.

    Examples
    --------
    >>> active_units([[1.0, 0.0, 0.01], [-1.0, 0.0, -0.01]]).tolist()
    [True, False, False]
    """
    mean = check_numbers("mean", mean)
    if mean.ndim != 2 or mean.shape[0] < 2:
        raise InputError(f"mean must have shape (n, n_latent) with n >= 2, got {tuple(mean.shape)}")
    check_nonnegative("threshold", threshold)
    return mean.var(axis=0) > threshold
