"""What a decoder's output means: the distribution p(x|z), its negative log-likelihood with gradient, mean and draws.

``output`` is (rows, n_visible), what the decoder's last layer gives; row r belongs to example r % n of ``x``.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from scratchgen.backend import Backend, namespace
from scratchgen.errors import DataRangeWarning, InputError
from scratchgen.ops.activations import activation_forward
from scratchgen.ops.likelihoods import (
    GaussianCache,
    bernoulli_nll_and_dlogits,
    bernoulli_nll_forward,
    gaussian_nll_backward,
    gaussian_nll_forward,
)
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import is_finite_number

LIKELIHOODS = ("bernoulli", "gaussian")
_MEAN_RANGES = {"tanh": (-1, 1), "sigmoid": (0, 1)}
OUTPUT_MEANS = ("linear", "tanh", "sigmoid")  # how a decoder's last layer gives the mean of a Gaussian


class BernoulliLikelihood:
    """Independent Bernoulli features; the output holds logits."""

    output_activation = "linear"
    unit_range = True

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def nll(self, output: Array, x: Array) -> Array:
        """Return the negative log-likelihood of each row, (rows,)."""
        return bernoulli_nll_forward(output, x, self.backend)[0]

    def nll_and_grads(self, output: Array, x: Array, dlog_sigma: Any) -> tuple[Array, Array]:
        """Return the nll of each row, and the gradient of their mean with respect to the output."""
        return bernoulli_nll_and_dlogits(output, x, 1.0 / output.shape[0], self.backend)

    def forward(self, output: Array, x: Array) -> tuple[Array, Array]:
        """Return the nll of each row and, as the cache, the gradient of each with respect to its own output."""
        return bernoulli_nll_and_dlogits(output, x, 1.0, self.backend)

    def backward_(self, dnll: Array, cache: Array, dlog_sigma: Any) -> Array:
        """Return the gradient of ``sum_r dnll_r nll_r`` with respect to the output, in the storage of the cache."""
        cache *= dnll[:, None]
        return cache

    def grad_x(self, output: Array, x: Array, dnll: Array) -> Array:
        """Return the gradient of ``sum_r dnll_r nll_r`` with respect to the data, in which it is linear."""
        return -(dnll[:, None] * output).reshape(-1, *x.shape).sum(axis=0)

    def mean(self, output: Array) -> Array:
        """Return E[x|z] = p."""
        return activation_forward(output, "sigmoid")[0]

    def mean_backward(self, dmean: Array, mean: Array) -> Array:
        """Return the gradient with respect to the output of what has the gradient `dmean` with respect to `mean`."""
        return dmean * mean * (1 - mean)

    def output_of_mean(self, mean: Array) -> Array:
        """Return the output whose mean is `mean`, or nearly so where that would be infinite."""
        return _logit(mean)

    def draw(self, output: Array, stream: Stream) -> Array:
        """Draw x from p(x|z)."""
        return stream.bernoulli(self.mean(output))


class GaussianLikelihood:
    """Independent Gaussian features of one standard deviation; the output holds their means.

    `log_sigma` is an array of one element: a constant, or a view of the model's parameters where sigma is learned.
    """

    unit_range = False

    def __init__(self, output_activation: str, log_sigma: Array) -> None:
        self.output_activation = output_activation
        self.log_sigma = log_sigma

    def nll(self, output: Array, x: Array) -> Array:
        """Return the negative log-likelihood of each row, (rows,)."""
        return gaussian_nll_forward(output, x, self.log_sigma)[0]

    def nll_and_grads(self, output: Array, x: Array, dlog_sigma: Any) -> tuple[Array, Array]:
        """Return the nll of each row, and the gradient of their mean with respect to the output.

        The gradient with respect to a learned log sigma goes into `dlog_sigma`, which is empty where sigma is fixed.
        """
        nll, cache = self.forward(output, x)
        dnll = namespace(output).full(output.shape[0], 1.0 / output.shape[0], dtype=output.dtype)
        return nll, self.backward_(dnll, cache, dlog_sigma)

    def forward(self, output: Array, x: Array) -> tuple[Array, GaussianCache]:
        """Return the nll of each row, and the cache of `backward_`."""
        return gaussian_nll_forward(output, x, self.log_sigma)

    def backward_(self, dnll: Array, cache: GaussianCache, dlog_sigma: Any) -> Array:
        """Return the gradient of ``sum_r dnll_r nll_r`` with respect to the output, and fill `dlog_sigma`."""
        doutput, _, dlog = gaussian_nll_backward(dnll, cache)
        if len(dlog_sigma):
            dlog_sigma[...] = dlog
        return doutput

    def grad_x(self, output: Array, x: Array, dnll: Array) -> Array:
        """Return the gradient of ``sum_r dnll_r nll_r`` with respect to the data, (n, n_visible)."""
        return gaussian_nll_backward(dnll, self.forward(output, x)[1])[1]

    def mean(self, output: Array) -> Array:
        """Return E[x|z]."""
        return output

    def mean_backward(self, dmean: Array, mean: Array) -> Array:
        """Return the gradient with respect to the output of what has the gradient `dmean` with respect to `mean`."""
        return dmean

    def output_of_mean(self, mean: Array) -> Array:
        """Return what the last layer must give before its activation for this mean, or nearly so at its limits."""
        if self.output_activation == "tanh":
            return 0.5 * _logit(0.5 * (mean + 1))  # tanh(a) = 2 sigmoid(2 a) - 1
        return _logit(mean) if self.output_activation == "sigmoid" else mean

    def draw(self, output: Array, stream: Stream) -> Array:
        """Draw x from p(x|z)."""
        return output + namespace(output).exp(self.log_sigma) * stream.normal(output.shape, output.dtype)


def likelihood_of(
    name: str, output_mean: str, sigma: float | str, log_sigma: Any, backend: Backend, dtype: str
) -> BernoulliLikelihood | GaussianLikelihood:
    """Return the likelihood called `name`; `log_sigma` is the parameter of a Gaussian whose `sigma` is "learned"."""
    if name == "bernoulli":
        return BernoulliLikelihood(backend)
    if sigma != "learned":
        log_sigma = backend.xp.full(1, math.log(float(sigma)), dtype=dtype)
    return GaussianLikelihood(output_mean, log_sigma)


def warn_of_range(likelihood: BernoulliLikelihood | GaussianLikelihood, x: Array) -> None:
    """Warn, on behalf of whoever called `fit`, if a Gaussian mean cannot reach the training data `x`.

    Those of a Bernoulli likelihood have been checked.
    """
    name = likelihood.output_activation
    if name not in _MEAN_RANGES:
        return
    (low, high), lowest, highest = _MEAN_RANGES[name], float(x.min()), float(x.max())
    if lowest < low or highest > high:
        warnings.warn(
            f"output_mean={name!r} gives means in ({low}, {high}), the data have values in [{lowest:g}, {highest:g}]: "
            "scale them, or use output_mean='linear'",
            DataRangeWarning,
            stacklevel=4,  # fit calls the model, which calls this
        )


def _logit(p: Array) -> Array:
    xp = namespace(p)
    p = xp.clip(p, 0.001, 0.999)
    return xp.log(p / (1 - p))


def check_likelihood_settings(
    likelihood: str, output_mean: str, sigma: float | str = 1.0, binarise: bool = False
) -> None:
    """Refuse what is set to something other than its default and has no effect with this likelihood.

    Raises
    ------
    InputError
        A mean or sigma of a Gaussian is set for a Bernoulli likelihood, or draws of 0 and 1 for a Gaussian one.
    """
    for name, is_set in (("output_mean", output_mean != "linear"), ("sigma", sigma != 1.0)):
        if likelihood == "bernoulli" and is_set:
            raise InputError(f"{name} is that of a Gaussian likelihood: leave it out, or use likelihood='gaussian'")
    if likelihood == "gaussian" and binarise:
        raise InputError("binarise is for a Bernoulli likelihood: leave it out, or use likelihood='bernoulli'")


def check_sigma(sigma: float | str) -> float | str:
    """Return `sigma` if it is a finite positive number or "learned"."""
    if sigma == "learned":
        return sigma
    if not (is_finite_number(sigma) and float(sigma) > 0):
        raise InputError(f"sigma must be a finite number > 0 or 'learned', got {sigma!r}")
    return float(sigma)
