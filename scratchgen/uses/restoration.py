r"""Restoring examples with a model of their kind: filling in what is missing, and taking noise away.

Inpainting repeats

.. math:: x \leftarrow k \odot x_0 + (1 - k) \odot r(x)

with k 1 where a feature is known and r the reconstruction. What is known stays, the rest comes nearer to what the model
expects beside it. With draws of z and x in place of r it is a Markov chain [1]_ that draws what is missing given what
is known, where q(z|x) is exact. With r it is a deterministic search for one plausible completion: where several fit
what is known, that need not be the one that is nearest to the truth, and the first reconstruction, which is between
them, can have a smaller squared error than the last.

References
----------
.. [1] D. J. Rezende, S. Mohamed, D. Wierstra, "Stochastic backpropagation and approximate inference in deep generative
   models", ICML 2014, appendix F.
.. [2] P. Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML 2008.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.uses.protocols import Reconstructs
from scratchgen.validation import check_count, check_float_array, check_numbers


class DenoisingErrors(NamedTuple):
    """Mean squared error a feature, a mean over the batch, before and after.

    Attributes
    ----------
    noisy : float
        Of the noisy data against the clean.
    reconstructed : float
        Of the reconstruction of the noisy data against the clean: less than `noisy` where the model takes more noise
        away than it adds error.
    clean_reconstructed : float
        Of the reconstruction of the clean data: what the model loses even without noise.
    """

    noisy: float
    reconstructed: float
    clean_reconstructed: float


def inpaint(model: Reconstructs, x: Any, known: Any, n_iterations: int = 20) -> Array:
    """Return `x` with the features that are not known filled in by iterated reconstruction, (n, n_visible).

    Parameters
    ----------
    model : has reconstruct
    x : array (n, n_visible)
        On the backend of the model. Known features as they are; the others are where the search starts, numbers that
        the model takes: the mean of the training data is a good choice.
    known : array (n, n_visible) or (n_visible,)
        True, or 1, where a feature is known; False, or 0, where it is missing.
    n_iterations : int
        Reconstructions.

    Returns
    -------
    array
        The known features are those of `x` to the bit.

    Raises
    ------
    InputError
        `x` is not data of the model, `known` does not fit it or has other values than 0 and 1, or `n_iterations` is not
        a positive integer.
    """
    x = _check_rows("x", x)
    known = check_numbers("known", known)
    if tuple(known.shape) not in (tuple(x.shape), tuple(x.shape[1:])):
        raise InputError(f"known must have shape {tuple(x.shape)} or {tuple(x.shape[1:])}, got {tuple(known.shape)}")
    if not bool(((known == 0) | (known == 1)).all()):
        raise InputError("known must be 1 (or True) where a feature is known and 0 (or False) where it is missing")
    xp = namespace(x, known)
    filled = x
    for _ in range(check_count("n_iterations", n_iterations)):
        filled = xp.where(known == 1, x, _reconstruct(model, filled).astype(x.dtype))
    return filled


def denoising_errors(model: Reconstructs, clean: Any, noisy: Any) -> DenoisingErrors:
    """Return how far noisy data and their reconstruction are from the clean data.

    An autoencoder takes noise away where the noise leads off what its decoder can make; one that was trained to take it
    away [2]_ should do better.

    Parameters
    ----------
    model : has reconstruct
    clean, noisy : array (n, n_visible)
        Row by row the same examples; the noisy ones must be data that the model takes (clipped to [0, 1] for a
        Bernoulli model).

    Raises
    ------
    InputError
        The arrays are not data of the model, or not of the same shape.
    """
    clean, noisy = _check_rows("clean", clean), _check_rows("noisy", noisy)
    if clean.shape != noisy.shape:
        raise InputError(f"clean and noisy must have the same shape, got {tuple(clean.shape)} and {tuple(noisy.shape)}")
    others = (noisy, _reconstruct(model, noisy), _reconstruct(model, clean))
    return DenoisingErrors(*(float(((other - clean) ** 2).mean()) for other in others))


def _check_rows(name: str, x: Any) -> Array:
    x = check_float_array(name, x)
    if x.ndim != 2:
        raise InputError(f"{name} must have shape (n, n_visible), got {tuple(x.shape)}")
    return x


def _reconstruct(model: Reconstructs, x: Array) -> Array:
    reconstructed = model.reconstruct(x)
    if tuple(reconstructed.shape) != tuple(x.shape):
        raise InputError(f"reconstruct must return shape {tuple(x.shape)}, got {tuple(reconstructed.shape)}")
    return reconstructed
