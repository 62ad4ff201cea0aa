"""The table of kernel operations: arguments for each, and a runner for the variants, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from scratchgen.backend import get_backend, to_numpy
from scratchgen.kernels import all_operations
from scratchgen.kernels.bias_activation import ACTIVATIONS, bias_activation_forward_
from scratchgen.kernels.im2col import im2col

Arguments = dict[str, Any]
KEY = (np.uint64(0x12345678), np.uint64(0x9ABCDEF0))
DRAW = np.array([2**33 + 5], dtype=np.uint64)


class Draws:
    """Makes arrays of one dtype; `rows` and `columns` are the size of the case."""

    def __init__(self, dtype: type, rows: int, columns: int) -> None:
        self.dtype, self.rows, self.columns = dtype, rows, columns
        self._generator = np.random.default_rng(20)

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self._generator.standard_normal(shape)).astype(self.dtype)

    def uniform(self, *shape: int) -> np.ndarray:
        return self._generator.random(shape).astype(self.dtype)

    def vector(self) -> np.ndarray:
        return self.normal(self.rows * self.columns)

    def matrix(self, scale: float = 1.0) -> np.ndarray:
        return self.normal(self.rows, self.columns, scale=scale)


@dataclass(frozen=True)
class Case:
    """An operation and how to call it.

    Attributes
    ----------
    results : tuple of str
        Names for what is returned, followed by the arguments that the operation is asked to write.
    writes : tuple of str
        The arguments that it may change: those of `results`, and those whose storage it may reuse.
    ignores : tuple of str
        The arguments whose present values do not reach the results.
    sums : tuple of str
        The results that add up many terms, which the variants do in different orders.
    """

    operation: str
    variation: str
    arguments: Callable[[Draws], Arguments]
    results: tuple[str, ...]
    writes: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.operation}{'-' * bool(self.variation)}{self.variation}"

    def make(self, dtype: type, size: tuple[int, int] = (3, 7)) -> Arguments:
        return self.arguments(Draws(dtype, *size))

    def run(self, variant: str, arguments: Arguments) -> tuple[dict[str, np.ndarray], Arguments]:
        """Return the results by name, and the arguments as they are after the call (of a copy)."""
        backend = get_backend({"reference": "numpy"}.get(variant, variant))
        copies = {k: backend.asarray(v.copy()) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
        returned = all_operations()[self.operation].on(backend)(**copies)
        after = {k: to_numpy(v) if hasattr(v, "shape") else v for k, v in copies.items()}
        values = () if returned is None else returned if isinstance(returned, tuple) else (returned,)
        written = [after[name] for name in self.results[len(values) :]]
        return dict(zip(self.results, [*map(to_numpy, values), *written], strict=True)), after


def _adam(draws: Draws) -> Arguments:
    state = {"theta": draws.vector(), "gradient": draws.vector(), "m": draws.vector(), "v": draws.vector() ** 2}
    rates = np.array([0.037, 18.3], dtype=draws.dtype)  # of step 3 at the learning rate 0.01
    return state | {"rates": rates, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def _sgd(draws: Draws) -> Arguments:
    state = {"theta": draws.vector(), "gradient": draws.vector(), "velocity": draws.vector()}
    return state | {"rates": np.array([1e-2], dtype=draws.dtype), "momentum": 0.9}


def _descent(draws: Draws) -> Arguments:
    return {"theta": draws.vector(), "gradient": draws.vector(), "rates": np.array([1e-2], dtype=draws.dtype)}


def _nll(n_samples: int, **more: float) -> Callable[[Draws], Arguments]:
    return lambda draws: {
        "logits": draws.normal(n_samples * draws.rows, draws.columns, scale=4.0),
        "x": draws.uniform(draws.rows, draws.columns),
        **more,
    }


def _extreme_nll(draws: Draws) -> Arguments:
    pairs = [(-1e4, 0), (-1e4, 1), (1e4, 0), (1e4, 1), (1e4, 0.3), (-1e4, 0.3), (80, 0), (-80, 0), (-30, 0), (0, 0.5)]
    logits, x = np.array(pairs, dtype=draws.dtype).T[:, :, np.newaxis].copy()
    return {"logits": logits, "x": x}


def _forward(activation: str) -> Callable[[Draws], Arguments]:
    return lambda draws: {"z": draws.matrix(3.0), "b": draws.normal(draws.columns), "activation": activation}


def _extreme_forward(activation: str) -> Callable[[Draws], Arguments]:
    z = [-1e4, 1e4, -80, 80, -30, 30, -1e-3, 1e-20, 0, -np.inf, np.inf]
    z = z if activation != "swish" else z[:-2]  # -inf * 0 is a NaN in every variant
    return lambda draws: {
        "z": np.array([z], dtype=draws.dtype),
        "b": np.zeros(len(z), dtype=draws.dtype),
        "activation": activation,
    }


def _backward(activation: str, forward: Callable[[str], Callable[[Draws], Arguments]]) -> Callable[[Draws], Arguments]:
    def arguments(draws: Draws) -> Arguments:
        _, saved = bias_activation_forward_.reference(**forward(activation)(draws))
        finite = np.where(np.isfinite(saved), saved, 0)
        dy = draws.normal(*saved.shape)
        return {"dy": dy, "saved": finite, "db": draws.normal(saved.shape[1]), "activation": activation}

    return arguments


def _backward_of_pixels(draws: Draws) -> Arguments:
    """More rows than one thread adds up."""
    shape = (600 + draws.rows, draws.columns % 8)
    dy, saved = draws.normal(*shape, scale=0.05), draws.normal(*shape)  # small: the reference adds them up in float32
    return {"dy": dy, "saved": saved, "db": draws.normal(shape[1]), "activation": "tanh"}


def _latent(draws: Draws) -> Arguments:
    return {"heads": np.concatenate([draws.matrix(), draws.matrix()], axis=1)}


def _extreme_latent(draws: Draws) -> Arguments:
    mean, log_var = [0, 0, 3, -3, 0.5], [-80, 80, -80, 80, 2]
    return {"heads": np.array([mean + log_var], dtype=draws.dtype)}


def _with_noise(latent: Callable[[Draws], Arguments], n_samples: int) -> Callable[[Draws], Arguments]:
    """Add `noise`, and `dz` in front; no leading axis for one sample."""

    def arguments(draws: Draws) -> Arguments:
        made = latent(draws)
        n, n_heads = made["heads"].shape
        samples = () if n_samples == 1 else (n_samples,)
        return made | {"noise": draws.normal(*samples, n, n_heads // 2)}

    return arguments


def _latent_backward(arguments: Callable[[Draws], Arguments]) -> Callable[[Draws], Arguments]:
    def backward(draws: Draws) -> Arguments:
        made = arguments(draws)
        return {"dz": draws.normal(*made["noise"].shape), **made, "kl_weight": 0.25}

    return backward


def _hidden(draws: Draws) -> Arguments:
    return {"total": draws.normal(draws.rows), "product": draws.matrix(3.0), "bias": draws.normal(draws.columns)}


def _extreme_hidden(draws: Draws) -> Arguments:
    a = np.array([[-1e4, -80, -30, -1e-3], [0, 1e-20, 30, 80]], dtype=draws.dtype)
    return {"total": draws.normal(len(a)), "product": a, "bias": np.zeros(a.shape[1], dtype=draws.dtype)}


def _fill(draws: Draws) -> Arguments:
    return {"out": draws.vector(), "key": KEY, "draw": DRAW}


def _fill_words(draws: Draws) -> Arguments:
    return _fill(draws) | {"out": draws.vector().astype(np.uint32)}


def _fill_bernoulli(draws: Draws) -> Arguments:
    return _fill(draws) | {"probability": draws.uniform(draws.rows * draws.columns)}


def _units(draws: Draws) -> Arguments:
    layer = {"states": draws.matrix(), "product": draws.matrix(3.0), "bias": draws.normal(draws.columns)}
    return layer | {"inverse_temperature": draws.uniform(draws.rows), "key": KEY, "draw": DRAW, "half": 3}


def _sweeps(n_more_visible: int, n_more_hidden: int, starts_from: str = "states") -> Callable[[Draws], Arguments]:
    """Eighths: sums of their products are exact in any order, and so are the states that the variants draw."""

    def arguments(draws: Draws) -> Arguments:
        n_visible, n_hidden = draws.columns + n_more_visible, draws.columns // 2 + n_more_hidden
        v = draws.uniform(draws.rows, n_visible)
        couplings = {"W": draws.normal(n_visible, n_hidden), "b": draws.normal(n_visible), "c": draws.normal(n_hidden)}
        return {
            "v": np.round(v) if starts_from == "states" else np.round(8 * v) / 8,
            **{name: np.round(8 * value) / 8 for name, value in couplings.items()},
            "inverse_temperature": draws.uniform(draws.rows),
            "n_sweeps": 2,
            "key": KEY,
            "draw": DRAW,
        }

    return arguments


def _keys(draws: Draws) -> Arguments:
    """Sixteen keys that are neighbours or equal, on both sides of the middle, and as many as the case has elsewhere."""
    few = np.arange(16, dtype=np.uint64) % np.uint64(5) + np.uint64(2**63 - 2)
    return {"keys": np.concatenate([few, draws.vector().astype(np.float64).view(np.uint64) << np.uint64(9)])}


def _rows(draws: Draws) -> Arguments:
    x = draws.matrix()
    return {"x": x, "numbers": np.arange(len(x))[::-1].copy() // 2 * 2 % max(len(x), 1)}


def _masking(draws: Draws) -> Arguments:
    """A quarter of each row, but for the last element: a NaN there is to be seen."""
    keys = np.floor(20 * draws.uniform(draws.rows, draws.columns).astype(np.float64))  # some are equal
    keys.reshape(-1)[-1:] = 20
    return {"x": draws.matrix(), "keys": keys, "n_masked": draws.columns // 4 + 1 if draws.columns > 1 else 1}


def _ising(draws: Draws) -> Arguments:
    sides = 2 + 2 * (draws.columns // 2 % 3), 2 + 2 * (draws.columns % 5)
    spins = np.sign(draws.normal(draws.rows, *sides)).astype(np.int8)
    chains = {"inverse_temperature": draws.uniform(draws.rows), "field": draws.normal(draws.rows)}
    return {"spins": spins, **chains, "n_sweeps": 2, "key": KEY, "draw": DRAW}


def _langevin_step(max_gradient: float, low: float, high: float) -> Callable[[Draws], Arguments]:
    return lambda draws: {
        "out": draws.vector(),
        "x": draws.vector(),
        "gradient": draws.vector(),
        "drift_scale": 0.3,
        "noise_scale": 0.8,
        "max_gradient": max_gradient,
        "low": low,
        "high": high,
        "key": KEY,
        "draw": DRAW,
    }


_GAUSSIANS = ((-0.3, -1.0, 0.5, 2.0, 0.4, 3.0), (0.1, 1.5, -1.0, 1.0, 0.0, 1.0), (-1.0, 0.0, 0.0, 4.0, -1.0, 2.0))
_RINGS = ((-0.3, 0.5, 4.0), (0.2, 1.5, 9.0))
_DOUBLE_WELL = ((0.1, 0.7, 1.3),)


def _langevin_density(table: tuple[tuple[float, ...], ...]) -> Callable[[Draws], Arguments]:
    return lambda draws: {
        "x": draws.normal(draws.rows * draws.columns, 2),
        "table": np.array(table, dtype=draws.dtype),
        "n_steps": 3,
        "drift_scale": 0.02,
        "noise_scale": 0.2,
        "key": KEY,
        "draw": DRAW,
    }


def _windows(n_channels: int, kernel: tuple, stride: tuple, padding: tuple) -> Callable[[Draws], Arguments]:
    """Images of four rows."""

    def arguments(draws: Draws) -> Arguments:
        image = draws.normal(draws.rows, 4, draws.columns, n_channels)
        return {"image": image, "kernel": kernel, "stride": stride, "padding": padding}

    return arguments


def _windows_to_image(windows: Callable[[Draws], Arguments]) -> Callable[[Draws], Arguments]:
    def arguments(draws: Draws) -> Arguments:
        made = windows(draws)
        return {"columns": draws.normal(*im2col.reference(**made).shape), **made}

    return arguments


_OUT = {"results": ("out",), "writes": ("out",), "ignores": ("out",)}
_INSIDE = _windows(2, (3, 3), (2, 2), (1, 0, 2, 1))  # the last window ends with the image: no zero is its last number
_ONE_CHANNEL = _windows(1, (3, 2), (2, 1), (0, 1, 1, 1))  # zeros on all sides but the top
_FORWARD = {"results": ("y", "saved"), "writes": ("z",)}
_BACKWARD = {"results": ("dz", "db"), "writes": ("dy", "db"), "sums": ("db",)}
_LATENT = {"results": ("z", "kl"), "sums": ("kl",)}
_HIDDEN = {"results": ("total", "product"), "writes": ("total", "product"), "ignores": ("total",)}
_UNITS = {"results": ("states", "product"), "writes": ("states", "product"), "ignores": ("states",)}
_SWEEPS = {"results": ("v", "h"), "ignores": ("v", "W", "b", "c", "inverse_temperature")}
_ISING = {"ignores": ("inverse_temperature", "field")}

CASES = (
    Case("adam_", "", _adam, results=("theta", "m", "v"), writes=("theta", "m", "v")),
    Case("descend_", "", _descent, results=("theta",), writes=("theta",)),
    Case("sgd_", "", _sgd, results=("theta", "velocity"), writes=("theta", "velocity")),
    Case("bernoulli_nll", "", _nll(1), results=("nll",), sums=("nll",)),
    Case("bernoulli_nll", "samples", _nll(3), results=("nll",), sums=("nll",)),
    Case("bernoulli_nll_with_grad", "", _nll(1, weight=0.25), results=("nll", "dlogits"), sums=("nll",)),
    Case("bernoulli_nll_with_grad", "samples", _nll(3, weight=-2.0), results=("nll", "dlogits"), sums=("nll",)),
    *(Case("bias_activation_forward_", f, _forward(f), **_FORWARD) for f in ACTIVATIONS),
    *(
        Case(
            "bias_activation_backward_",
            f,
            _backward(f, _forward),
            ignores=("db", "saved") if f == "linear" else ("db",),
            **_BACKWARD,
        )
        for f in ACTIVATIONS
    ),
    Case("bias_activation_backward_", "pixels", _backward_of_pixels, ignores=("db",), **_BACKWARD),
    Case("reparameterise_kl_forward", "", _with_noise(_latent, 1), **_LATENT),
    Case("reparameterise_kl_forward", "samples", _with_noise(_latent, 3), **_LATENT),
    Case("reparameterise_kl_backward", "", _latent_backward(_with_noise(_latent, 1)), results=("dheads",)),
    Case("reparameterise_kl_backward", "samples", _latent_backward(_with_noise(_latent, 3)), results=("dheads",)),
    Case("fill_words", "", _fill_words, **_OUT),
    Case("fill_uniform", "", _fill, **_OUT),
    Case("fill_normal", "", _fill, **_OUT),
    Case("im2col", "", _INSIDE, results=("columns",)),
    Case("im2col", "one channel", _ONE_CHANNEL, results=("columns",)),
    Case("col2im_", "", _windows_to_image(_INSIDE), results=("image",), writes=("image",), ignores=("image",)),
    Case(
        "col2im_",
        "one channel",
        _windows_to_image(_ONE_CHANNEL),
        results=("image",),
        writes=("image",),
        ignores=("image", "columns"),  # the last number of the columns lies outside of the image
    ),
    # a draw compares: where the probability is NaN it is 0
    Case("fill_bernoulli", "", _fill_bernoulli, results=("out",), writes=("out",), ignores=("out", "probability")),
    Case("hidden_free_energy_", "", _hidden, **_HIDDEN, sums=("total",)),
    Case("mask_lowest", "", _masking, results=("masked",), ignores=("keys",)),
    Case("order_of_keys", "", _keys, results=("order",)),
    Case("take_rows", "", _rows, results=("batch",)),
    Case("langevin_step_", "", _langevin_step(np.inf, -np.inf, np.inf), **_OUT),
    Case("langevin_step_", "bounds", _langevin_step(0.5, -0.7, 0.9), **_OUT),
    Case("langevin_gaussian_mixture", "", _langevin_density(_GAUSSIANS), results=("x",)),
    Case("langevin_gaussian_mixture", "one", _langevin_density(_GAUSSIANS[:1]), results=("x",)),
    Case("langevin_rings", "", _langevin_density(_RINGS), results=("x",)),
    Case("langevin_double_well", "", _langevin_density(_DOUBLE_WELL), results=("x",)),
    Case("sample_bernoulli_units_", "", _units, **_UNITS),
    # ... and these return nothing but draws
    Case("gibbs_sweeps", "products", _sweeps(560, 240), **_SWEEPS),  # too large for fast memory, and to be read again
    Case("gibbs_sweeps", "tiles", _sweeps(120, 110), **_SWEEPS),  # too large for shared memory
    Case("gibbs_sweeps", "tiles, greys", _sweeps(120, 110, starts_from="greys"), **_SWEEPS),
    Case("gibbs_sweeps", "", _sweeps(0, 1), **_SWEEPS),
    Case("gibbs_sweeps", "greys", _sweeps(0, 1, starts_from="greys"), **_SWEEPS),
    Case("ising_checkerboard", "", _ising, results=("spins",), **_ISING),
    Case("ising_metropolis", "", _ising, results=("spins", "n_accepted"), **_ISING),
)

# Arguments at which a naive formula overflows, cancels or loses all digits; no result adds terms of opposite signs.
EXTREMES = (
    Case("bernoulli_nll", "", _extreme_nll, results=("nll",)),
    Case(
        "bernoulli_nll_with_grad",
        "",
        lambda draws: _extreme_nll(draws) | {"weight": 0.25},
        results=("nll", "dlogits"),
    ),
    *(Case("bias_activation_forward_", f, _extreme_forward(f), **_FORWARD) for f in ACTIVATIONS),
    *(Case("bias_activation_backward_", f, _backward(f, _extreme_forward), **_BACKWARD) for f in ACTIVATIONS),
    Case("hidden_free_energy_", "", _extreme_hidden, **_HIDDEN),
    Case("reparameterise_kl_forward", "", _with_noise(_extreme_latent, 1), **_LATENT),
    Case("reparameterise_kl_backward", "", _latent_backward(_with_noise(_extreme_latent, 1)), results=("dheads",)),
)


# What `ops` calls on any array library; the others change arrays in place or need unsigned integers.
_CALLED_BY_OPS = ("bernoulli_nll", "bias_activation", "col2im", "hidden", "im2col", "reparam")
DIFFERENTIABLE = tuple(case for case in CASES if case.operation.startswith(_CALLED_BY_OPS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, table in (("case", CASES), ("differentiable_case", DIFFERENTIABLE), ("extreme", EXTREMES)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, table, ids=str)


@pytest.fixture(scope="session")
def cases() -> tuple[Case, ...]:
    return CASES
