r"""The naive mean-field lower bound on log Z.

For any factorised q(v) q(h), :math:`\log Z \geq \langle -E \rangle_q + H(q)`. Given the means :math:`\nu` of q(h), the
best q(v) is :math:`p(v | h = \nu)`, and the bound becomes a function of them alone:

.. math:: L(\nu) = \log \sum_v e^{-E(v, \nu)} + \sum_j H(\nu_j), \qquad
          \nu_j = \sigma\big(c_j + \sum_i x_i W_{ij}\big), \quad x = E[v | h = \nu] \;(/ s^2).

Alternating the two is coordinate ascent: L never falls, and where it ends depends on the start.

References
----------
L. K. Saul, T. Jaakkola, M. I. Jordan: "Mean field theory for sigmoid belief networks", JAIR 4, 1996.
M. J. Wainwright, M. I. Jordan: "Graphical models, exponential families, and variational inference", Foundations and
Trends in Machine Learning 1, 2008, section 5.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.inference.parameters import check_parameters, in_float64, sum_over_visible
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.activations import activation_forward
from scratchgen.ops.boltzmann import RBMParams, scaled_visible
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count


class MeanFieldBound(NamedTuple):
    """The best mean-field bound found.

    Attributes
    ----------
    log_partition : float
        The bound, at most log Z.
    v_mean, h_mean : array (n_visible,), (n_hidden,)
        E[v] and E[h] under the q that attains it.
    ascent : array (n_iterations, n_starts)
        The bound of each start after each iteration.
    """

    log_partition: float
    v_mean: Array
    h_mean: Array
    ascent: Array


def mean_field_lower_bound(
    W: Array,
    b: Array,
    c: Array,
    stream: Stream,
    n_starts: int = 20,
    *,
    log_sigma: Array | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-10,
) -> MeanFieldBound:
    """Return the best of several mean-field lower bounds on log Z, in nats, computed in float64.

    Parameters
    ----------
    W, b, c, log_sigma : array
    stream : Stream
        Draws the starts: random hidden states, whose fields are far apart. Of the parameters' array library.
    n_starts : int
    max_iterations : int
        Every iteration gives a valid bound, the last of them the best.
    tolerance : float
        The ascent ends when no start gains more than this many nats.

    Raises
    ------
    InputError
        The parameters do not fit together or are not finite; or a count is not a positive integer.
    """
    params = in_float64(check_parameters(W, b, c, log_sigma))
    check_count("max_iterations", max_iterations)
    xp = namespace(W)
    h_mean = stream.bernoulli(0.5, (check_count("n_starts", n_starts), W.shape[1]), dtype="float64")
    _, v_mean = sum_over_visible(params, h_mean)
    ascent: list[Array] = []
    for _ in range(max_iterations):
        h_mean, entropy = _best_hidden(params, v_mean)
        log_sum, v_mean = sum_over_visible(params, h_mean)
        ascent.append(log_sum + entropy)
        if len(ascent) > 1 and float(xp.max(ascent[-1] - ascent[-2])) <= tolerance:
            break
    best = int(xp.argmax(ascent[-1]))
    return MeanFieldBound(float(ascent[-1][best]), v_mean[best], h_mean[best], xp.stack(ascent))


def _best_hidden(params: RBMParams, v_mean: Array) -> tuple[Array, Array]:
    """Return E[h | v = v_mean], and its entropy by row: softplus(a) - a sigmoid(a), with no log of 0 or 1."""
    a = matmul(scaled_visible(params, v_mean), params.W) + params.c  # (n, hidden)
    h_mean, _ = activation_forward(a, "sigmoid")
    softplus_a, _ = activation_forward(a, "softplus")
    return h_mean, namespace(a).sum(softplus_a - a * h_mean, axis=1)
