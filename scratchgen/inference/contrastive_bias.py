r"""The expected gradient of contrastive divergence, exactly: how far CD-k is from maximum likelihood, as a number.

CD-k follows the difference of two means, one over the data and one over what k Gibbs sweeps make of them:

.. math:: g_k = - \langle \partial F \rangle_{data} + \langle \partial F \rangle_{q_k}, \qquad
          q_k(v') = \sum_{h, v} p(v' | h) \, p(h | v) \, q_{k - 1}(v), \quad q_0 = data.

Since :math:`q_k \to p`, it tends to the gradient of the mean log-likelihood, and its bias is the difference to
`scratchgen.inference.exact.log_likelihood_gradient`. Where both layers are small, :math:`q_k` is a table.

References
----------
M. A. Carreira-Perpinan, G. E. Hinton: "On contrastive divergence learning", AISTATS 2005.
Y. Bengio, O. Delalleau: "Justifying and generalizing contrastive divergence", Neural Computation 21, 2009.
I. Sutskever, T. Tieleman: "On the convergence properties of contrastive divergence", AISTATS 2010.
"""

from __future__ import annotations

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.inference.enumeration import states
from scratchgen.inference.parameters import (
    check_parameters,
    check_visible,
    in_float64,
    map_parameters,
    of_type,
    sum_over_visible,
)
from scratchgen.ops.boltzmann import RBMParams, free_energy_backward_params_, free_energy_forward, visible_energy
from scratchgen.typing import Array
from scratchgen.validation import check_count

_MAXIMUM_UNITS = 24  # of both layers together: a sweep visits all 1.7e7 pairs of their states
_CHUNK_PAIRS = 2**20  # of states at a time: 8 MiB


def contrastive_divergence_gradient(x: Array, W: Array, b: Array, c: Array, k: int = 1) -> RBMParams:
    r"""Return the expectation of the CD-k gradient over the draws of its k sweeps, of the parameters' shapes and types.

    Its sign is that of an ascent, as `scratchgen.inference.exact.log_likelihood_gradient` has it, whose difference to
    it is the bias of CD-k. For Bernoulli visible units. Sums are taken in float64; the work grows with k times the
    number of pairs of visible and hidden states, the memory with the number of visible states.

    Parameters
    ----------
    x : array (n, n_visible)
        In [0, 1].
    W, b, c : array
    k : int
        Gibbs sweeps.

    Returns
    -------
    RBMParams
        In nats: a mean over the rows of x.

    Raises
    ------
    InputError
        The layers have more than 24 units together; the parameters do not fit together or are not finite; x has another
        shape, NaN, or values out of range; or k is not a positive integer.

    Notes
    -----
    It is the gradient of no function of the parameters (Sutskever and Tieleman), so that there is nothing that a step
    along it must improve.
    """
    given = check_parameters(W, b, c)
    params = in_float64(given)
    x = check_visible("x", x, params)
    k = check_count("k", k)
    n_visible, n_hidden = W.shape
    if n_visible + n_hidden > _MAXIMUM_UNITS:
        raise InputError(
            f"the expected gradient takes a model of at most {_MAXIMUM_UNITS} units in both layers together, but this "
            f"one has {n_visible} visible and {n_hidden} hidden units: average the gradients of many draws instead"
        )
    xp = namespace(x)
    table = states(0, 2**n_visible, n_visible, xp)
    of_data = xp.full(x.shape[0], 1 / x.shape[0], dtype=x.dtype)
    probability = _after_one_sweep(params, x, of_data, table)
    for _ in range(k - 1):
        probability = _after_one_sweep(params, table, probability, table)
    positive_phase = _weighted_free_energy_gradient(params, x, -of_data)
    negative_phase = _weighted_free_energy_gradient(params, table, probability)
    return of_type(map_parameters(lambda p, n: p + n, positive_phase, negative_phase), given)


def _after_one_sweep(params: RBMParams, v: Array, probability: Array, table: Array) -> Array:
    """Return the law of the visible units, over the rows of `table`, one sweep after the law over the rows of v."""
    xp, n_hidden = namespace(v), params.W.shape[1]
    after = xp.zeros(table.shape[0], dtype=v.dtype)
    size = max(1, _CHUNK_PAIRS // max(table.shape[0], v.shape[0]))
    for first in range(0, 2**n_hidden, size):
        h = states(first, min(first + size, 2**n_hidden), n_hidden, xp)
        p_h_given_v = xp.exp(_minus_energy(params, v, h) + free_energy_forward(params, v)[0][:, None])
        p_v_given_h = xp.exp(_minus_energy(params, table, h) - sum_over_visible(params, h)[0])
        after += p_v_given_h @ (probability @ p_h_given_v)
    return after


def _minus_energy(params: RBMParams, v: Array, h: Array) -> Array:
    """Return -E(v, h) of all pairs of a row of v and a row of h, (len(v), len(h))."""
    return (v @ params.W + params.c) @ h.T - visible_energy(params, v)[:, None]


def _weighted_free_energy_gradient(params: RBMParams, v: Array, weights: Array) -> RBMParams:
    """Return the gradient of the sum of F over the rows of v, each multiplied by its weight."""
    return free_energy_backward_params_(weights, free_energy_forward(params, v)[1])
