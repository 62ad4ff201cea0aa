"""Gibbs sweeps of a small model on the CPU: all sweeps of a chain in the cache, without a matrix product.

The states of a quad, four units that share a Philox block, are the bits of its code. For each quad of one layer and
each of its 16 codes, a table holds the sum of the weights to the other layer. A half step adds one row of the table for
each quad: a quarter of the additions of a product and none of its multiplications ("method of four Russians").

References
----------
V. L. Arlazarov, E. A. Dinic, M. A. Kronrod, I. A. Faradzev: "On economical construction of the transitive closure of a
directed graph", Soviet Math. Dokl. 11, 1970.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import sigmoid
from scratchgen.kernels.gibbs_units import quad_words
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import uniform32
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array

_ONE, _TWO = np.uint64(1), np.uint64(2)


def table_bytes(n_visible: int, n_hidden: int, itemsize: int) -> int:
    """Return the size of both tables."""
    n_quads_v, n_quads_h = -(-n_visible // 4), -(-n_hidden // 4)
    return 2 * 16 * 4 * n_quads_v * n_quads_h * itemsize


@scalar
def _fill_table(table: Any, W: Any) -> None:
    """Fill table[quad, code] with the sum of those rows 4 quad + q of W for which bit q of the code is set."""
    for i in range(W.shape[0]):
        g, bit = i // 4, 1 << (i % 4)
        for code in range(bit):
            for j in range(W.shape[1]):
                table[g, bit + code, j] = table[g, code, j] + W[i, j]


@scalar
def _sum_table_rows(total: Any, bias: Any, codes: Any, table: Any) -> None:
    for j in range(total.size):
        total[j] = bias[j]
    n_by_four = codes.size - codes.size % 4
    for g in range(0, n_by_four, 4):  # four rows for each time that the total is loaded and stored
        c0, c1, c2, c3 = codes[g], codes[g + 1], codes[g + 2], codes[g + 3]
        for j in range(total.size):
            first = (total[j] + table[g, c0, j]) + table[g + 1, c1, j]
            total[j] = (first + table[g + 2, c2, j]) + table[g + 3, c3, j]
    for g in range(n_by_four, codes.size):
        code = codes[g]
        for j in range(total.size):
            total[j] += table[g, code, j]


@scalar
def _sum_weighted_rows(total: Any, bias: Any, states: Any, W: Any) -> None:
    for j in range(total.size):
        total[j] = bias[j]
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            total[j] += mul(states[i], W[i, j])


@scalar
def _draw_codes(codes: Any, total: Any, beta: Any, chain: Any, draw: Any, k0: Any, k1: Any) -> None:
    for j in range(total.size):
        total[j] = sigmoid(mul(beta, total[j]))
    for g in range(codes.size):
        w0, w1, w2, w3 = quad_words(chain, g, draw, k0, k1)
        low = (uniform32(w0) < total[4 * g]) | (uniform32(w1) < total[4 * g + 1]) << 1
        high = (uniform32(w2) < total[4 * g + 2]) | (uniform32(w3) < total[4 * g + 3]) << 1
        codes[g] = low | high << 2


@scalar
def _encode(codes: Any, states: Any) -> Any:
    """Store the codes of `states`; return whether they have one: whether all states are 0 or 1."""
    one, zero = states.dtype.type(1), states.dtype.type(0)
    for g in range(codes.size):
        low = (states[4 * g] == one) | (states[4 * g + 1] == one) << 1
        high = (states[4 * g + 2] == one) | (states[4 * g + 3] == one) << 1
        codes[g] = low | high << 2
    n_others = 0
    for j in range(states.size):
        n_others += (states[j] != zero) & (states[j] != one)
    return n_others == 0


@scalar
def _decode(states: Any, codes: Any) -> None:
    to_type = states.dtype.type
    for j in range(states.size):
        states[j] = to_type((codes[j // 4] >> (j % 4)) & 1)


@scalar
def _padded(bias: Any, n_quads: Any) -> Any:
    """Return the bias of whole quads. No uniform is below NaN: the units that do not exist are never 1."""
    padded, nan = np.empty(4 * n_quads, bias.dtype), bias.dtype.type(np.nan)
    for j in range(padded.size):
        padded[j] = bias[j] if j < bias.size else nan
    return padded


@cpu_kernel()
def _fill_tables(to_hidden: Any, to_visible: Any, W: Any, W_transposed: Any) -> None:
    _fill_table(to_hidden, W)
    _fill_table(to_visible, W_transposed)


@cpu_kernel()
def _kernel(
    first: Any, end: Any, v: Any, W: Any, b: Any, c: Any, to_hidden: Any, to_visible: Any, inverse_temperature: Any,
    n_sweeps: Any, k0: Any, k1: Any, draw: Any, v_out: Any, h: Any,
) -> None:  # fmt: skip
    n_visible = W.shape[0]
    n_quads_v, n_quads_h = to_hidden.shape[0], to_visible.shape[0]
    bias_v, bias_h = _padded(b, n_quads_v), _padded(c, n_quads_h)
    visible, hidden = np.empty_like(bias_v), np.empty_like(bias_h)  # one chain: states, then sums and probabilities
    codes_v, codes_h = np.empty(n_quads_v, np.int64), np.empty(n_quads_h, np.int64)
    zero = W.dtype.type(0)
    for i in range(first, end):
        for j in range(visible.size):
            visible[j] = v[i, j] if j < n_visible else zero
        coded = _encode(codes_v, visible)
        beta, step = inverse_temperature[i], draw[0]
        for _ in range(n_sweeps):
            if coded:
                _sum_table_rows(hidden, bias_h, codes_v, to_hidden)
            else:
                _sum_weighted_rows(hidden, bias_h, visible, W)
            _draw_codes(codes_h, hidden, beta, i, step, k0, k1)
            _sum_table_rows(visible, bias_v, codes_h, to_visible)
            _draw_codes(codes_v, visible, beta, i, step + _ONE, k0, k1)
            step += _TWO
            coded = True
        _decode(v_out[i], codes_v)
        _decode(h[i], codes_h)


def sweep_with_tables(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    """Return (v, h) after the sweeps."""
    xp = namespace(v)
    v_out, h = xp.empty_like(v), xp.empty((v.shape[0], W.shape[1]), dtype=v.dtype)
    n_quads_v, n_quads_h = (-(-n_units // 4) for n_units in W.shape)
    to_hidden = xp.zeros((n_quads_v, 16, 4 * n_quads_h), dtype=W.dtype)
    to_visible = xp.zeros((n_quads_h, 16, 4 * n_quads_v), dtype=W.dtype)
    _fill_tables(to_hidden, to_visible, W, xp.ascontiguousarray(W.T))
    _kernel.share(
        len(v), sum(W.shape) * n_sweeps,
        v, W, b, c, to_hidden, to_visible, inverse_temperature, n_sweeps, key[0], key[1], draw, v_out, h,
    )  # fmt: skip
    return v_out, h
