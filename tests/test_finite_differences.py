"""The checker is right about right gradients and, above all, about wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.errors import InputError
from scratchgen.finite_differences import gradcheck, gradcheck_pair, taylor_test
from scratchgen.finite_differences.coordinates import ALL_COORDINATES, RANDOM_DIRECTIONS
from scratchgen.nn.parameters import Shape, blocks
from scratchgen.ops.linear import LinearParams

# A two-layer network, x (7, 4) -> tanh (4) -> logits (3), with targets: Bernoulli loss, mean over the batch.
N, D, H, K = 7, 4, 4, 3
BLOCKS = {
    "hidden.W": (slice(0, 16), (D, H)),
    "hidden.b": (slice(16, 20), (H,)),
    "output.W": (slice(20, 32), (H, K)),
    "output.b": (slice(32, 35), (K,)),
}
GENERATOR = np.random.Generator(np.random.PCG64(7))
X = GENERATOR.normal(size=(N, D))
TARGETS = GENERATOR.uniform(size=(N, K))
THETA = GENERATOR.normal(size=35)

MODES = pytest.mark.parametrize("directions", [None, 8], ids=["coordinates", "directions"])


def parts(theta):
    return {name: theta[where].reshape(shape) for name, (where, shape) in BLOCKS.items()}


def network_loss(theta):
    p = parts(theta)
    logits = np.tanh(X @ p["hidden.W"] + p["hidden.b"]) @ p["output.W"] + p["output.b"]
    return np.sum(np.logaddexp(0.0, logits) - TARGETS * logits) / N


def network_gradient(theta):
    p = parts(theta)
    h = np.tanh(X @ p["hidden.W"] + p["hidden.b"])
    dlogits = (1.0 / (1.0 + np.exp(-(h @ p["output.W"] + p["output.b"]))) - TARGETS) / N
    da = dlogits @ p["output.W"].T * (1.0 - h**2)
    gradient = np.empty_like(theta)
    for name, value in {
        "hidden.W": X.T @ da,
        "hidden.b": da.sum(axis=0),
        "output.W": h.T @ dlogits,
        "output.b": dlogits.sum(axis=0),
    }.items():
        parts(gradient)[name][...] = value
    return gradient


def off_in_one_block(g):
    g["output.W"] *= 1.001


def off_in_one_coordinate(g):
    g["hidden.W"][2, 3] *= 1.001


def wrong_sign(g):
    g["hidden.b"] *= -1.0


def transposed_weight(g):
    g["hidden.W"][...] = g["hidden.W"].T.copy()


def missing_one_over_n(g):
    for block in g.values():
        block *= N


def sum_for_mean(g):
    g["output.b"] *= N


WRONG = [
    (off_in_one_block, {"output.W"}),
    (off_in_one_coordinate, {"hidden.W"}),
    (wrong_sign, {"hidden.b"}),
    (transposed_weight, {"hidden.W"}),
    (missing_one_over_n, set(BLOCKS)),
    (sum_for_mean, {"output.b"}),
]


def wrong_gradient(mistake):
    gradient = network_gradient(THETA)
    mistake(parts(gradient))
    return gradient


def sines(x):
    return np.sin(x).sum()


POINT = np.array([0.3, -1.2, 0.7, 2.0])


def one_off(gradient, index=1):
    wrong = gradient.copy()
    wrong[index] *= 1.001
    return wrong


# ---- right and wrong gradients ----


@MODES
def test_right_gradient_passes_with_digits_to_spare(directions):
    report = gradcheck(network_loss, THETA, network_gradient, blocks=BLOCKS, directions=directions)
    assert report.passed
    assert report.worst_relative_error < 1e-10
    assert report.n_unresolved == 0
    assert report.order == pytest.approx(2.0, abs=0.05)
    assert not report.linear
    assert report.n_checked == (35 if directions is None else 8 * len(BLOCKS))


@MODES
@pytest.mark.parametrize(("mistake", "blocks"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_wrong_gradient_is_rejected_in_the_blocks_that_are_wrong(mistake, blocks, directions):
    report = gradcheck(network_loss, THETA, wrong_gradient(mistake), blocks=BLOCKS, directions=directions)
    assert not report.passed
    assert report.worst_block in blocks
    assert {name for name, error in report.errors_by_block.items() if error > report.tolerance} == blocks
    assert report.order == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("mistake", "blocks"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_taylor_order_is_one_where_the_gradient_is_wrong(mistake, blocks):
    report = taylor_test(network_loss, THETA, wrong_gradient(mistake))
    assert not report.passed
    assert report.order == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_taylor_order_is_two_where_the_gradient_is_right(seed):
    report = taylor_test(network_loss, THETA, network_gradient, seed=seed)
    assert report.passed
    assert report.order == pytest.approx(2.0, abs=0.05)


@MODES
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e8, 1e300])
def test_verdict_does_not_depend_on_the_scale_of_f(scale, directions):
    gradient = scale * np.cos(POINT)
    right = gradcheck(lambda x: scale * sines(x), POINT, gradient, directions=directions)
    wrong = gradcheck(lambda x: scale * sines(x), POINT, one_off(gradient), directions=directions)
    assert right.passed
    assert right.n_unresolved == 0
    assert not wrong.passed
    assert (right.order, wrong.order) == pytest.approx((2.0, 1.0), abs=0.05)


@pytest.mark.parametrize("index", range(7))
def test_lengths_from_1e_minus_8_to_1e8_are_checked_together(index):
    length = 10.0 ** np.array([-8, -6, -3, 0, 3, 6, 8])
    x = length * np.linspace(0.4, 1.1, 7)

    def f(x):
        return sines(x / length)

    gradient = np.cos(x / length) / length
    assert gradcheck(f, x, gradient).passed
    report = gradcheck(f, x, one_off(gradient, index))
    assert not report.passed
    assert report.worst_index == (index,)


def test_step_grows_with_x():
    report = gradcheck(lambda x: sines(x / 1e8), 1e8 * POINT, np.cos(POINT) / 1e8, tolerance=1e-9)
    assert report.passed
    assert report.n_unresolved == 0


@given(
    n=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
    log_frequency=st.floats(-1.0, 1.5),
    log_scale=st.floats(-12.0, 12.0),
    log_x=st.floats(-3.0, 2.0),
    data=st.data(),
)
def test_random_smooth_functions_are_told_from_those_with_one_coordinate_off(
    n, seed, log_frequency, log_scale, log_x, data
):
    generator = np.random.Generator(np.random.PCG64(seed))
    k = generator.normal(size=(8, n)) * 10.0**log_frequency
    a, phase = generator.normal(size=(2, 8)) * 10.0**log_scale
    phase /= 10.0**log_scale
    x = generator.normal(size=n) * 10.0**log_x

    def f(x):
        return float(a @ np.sin(k @ x + phase))

    gradient = (a * np.cos(k @ x + phase)) @ k
    right = gradcheck(f, x, gradient)
    assert right.passed, right
    assert abs(right.measured - right.claimed) <= max(2 * right.measured_error, 1e-10 * abs(right.claimed))
    normal = np.flatnonzero(np.abs(gradient) > 0.01 * np.abs(gradient).max())
    index = data.draw(st.sampled_from(normal.tolist()))
    wrong = gradcheck(f, x, one_off(gradient, index))
    assert not wrong.passed, wrong
    assert wrong.worst_index == (index,)
    assert wrong.worst_relative_error == pytest.approx(1e-3, rel=0.01)
    assert wrong.claimed == pytest.approx(1.001 * gradient[index])
    assert wrong.measured == pytest.approx(gradient[index])


# ---- zeros, noise, and what differences cannot resolve ----


def test_coordinates_with_zero_gradient_pass_and_must_be_claimed_zero():
    def f(x):
        return np.cos(x[0]) + np.sin(x[1]) + x[3] ** 2  # x[2] is not used; the slope is zero in x[0] and x[3]

    x = np.array([0.0, 0.3, 5.0, 0.0])
    gradient = np.array([0.0, np.cos(0.3), 0.0, 0.0])
    report = gradcheck(f, x, gradient)
    assert report.passed
    assert report.n_unresolved == 0
    assert gradcheck(f, x, gradient + 1e-16).passed
    for index in (0, 2, 3):
        wrong = gradient.copy()
        wrong[index] = 1e-9
        report = gradcheck(f, x, wrong)
        assert not report.passed
        assert report.worst_index == (index,)


def test_gradient_that_is_zero_everywhere_passes():
    assert gradcheck(lambda x: 1.0, POINT, np.zeros(4)).passed
    assert gradcheck(lambda x: np.sum(x**2), np.zeros(3), np.zeros(3)).passed
    assert not gradcheck(lambda x: 1.0, POINT, np.full(4, 1e-9)).passed


def test_gradient_that_is_zero_at_a_zero_of_f_does_not_fail_by_rounding():
    shift = np.linspace(-1.0, 1.0, 400)  # at x = 0 f has no rounding error at all, beside it f has
    assert gradcheck(lambda x: np.sum(x**2 * np.exp(x + shift)), np.zeros(400), np.zeros(400)).passed


def test_small_block_beside_a_large_constant_is_counted_as_unresolved_and_still_checked_as_far_as_possible():
    def f(x):
        return 1.0 + np.sin(x[0]) + 1e-9 * np.sin(x[1])

    gradient = np.array([1.0, 1e-9]) * np.cos(POINT[:2])
    report = gradcheck(f, POINT[:2], gradient, blocks={"large": slice(0, 1), "small": slice(1, 2)})
    assert report.passed
    assert report.n_unresolved == 1
    assert "1 of 2 derivatives are too small" in str(report)
    assert not gradcheck(f, POINT[:2], one_off(gradient)).passed


@pytest.mark.parametrize(
    ("f", "scale"),
    [
        (lambda x: 1.0 + 1e-9 * sines(x), 1e-9),
        (lambda x: float(sines(x.astype(np.float32))), 1.0),
        (lambda x: (1e8 + sines(x)) - 1e8, 1.0),
    ],
    ids=["large constant", "computed in float32", "cancellation"],
)
def test_check_that_resolves_nothing_does_not_pass(f, scale):
    report = gradcheck(f, POINT, scale * np.cos(POINT))
    assert not report.passed
    assert report.worst_relative_error <= report.tolerance
    assert report.n_unresolved == report.n_checked == 4
    assert "INCONCLUSIVE" in str(report)
    report = gradcheck(f, POINT, -scale * np.cos(POINT))
    assert not report.passed
    assert "FAILED" in str(report)


@MODES
def test_noise_of_f_raises_no_false_alarm(directions):
    for seed in range(10):
        x = np.random.Generator(np.random.PCG64(seed)).normal(size=5)
        report = gradcheck(lambda x: 1e4 + sines(x), x, np.cos, directions=directions)
        assert report.passed, report


def test_tighter_tolerance_finds_smaller_errors():
    gradient = np.cos(POINT) * (1.0 + 1e-8)
    assert gradcheck(sines, POINT, gradient).passed
    assert not gradcheck(sines, POINT, gradient, tolerance=1e-9).passed


# ---- order, linear pieces, kinks, domains ----


def test_quadratic_has_order_exactly_two():
    assert taylor_test(lambda x: x @ x, POINT, 2 * POINT).order == pytest.approx(2.0, abs=1e-3)


def test_linear_function_is_reported_as_linear_and_a_wrong_slope_as_order_one():
    slope = np.array([2.0, -1.0, 0.5, 1e-3])
    right = taylor_test(lambda x: slope @ x, POINT, slope)
    assert right.passed
    assert right.linear
    assert np.isnan(right.order)
    wrong = taylor_test(lambda x: slope @ x, POINT, 1.001 * slope)
    assert not wrong.passed
    assert not wrong.linear
    assert wrong.order == pytest.approx(1.0, abs=0.01)
    assert gradcheck(lambda x: slope @ x, POINT, slope).linear


def test_constant_is_linear():
    assert taylor_test(lambda x: 1.0, POINT, np.zeros(4)).linear


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda x: 1.0 + 1e-13 * sines(x), 1e-13),
        (lambda x: np.sqrt(POINT[0] - x[0]), 1.0),
        (lambda x: np.sqrt(POINT[0] - x[0]), 0.0),
        (lambda x: 1.0 if (x == POINT).all() else np.inf, 0.0),
    ],
    ids=["hidden by rounding", "outside the domain", "zero outside the domain", "infinite"],
)
def test_remainder_that_says_nothing_is_neither_linear_nor_passed(f, gradient):
    report = taylor_test(f, POINT, np.full(4, gradient), direction=np.ones(4))
    assert not report.passed
    assert not report.linear
    assert np.isnan(report.order)
    assert "nothing is known" in str(report)


def test_piecewise_linear_function_with_a_kink_nearby_is_linear():
    report = taylor_test(lambda x: np.abs(x).sum(), np.array([1e-3, -0.7]), np.sign, direction=np.array([-1.0, 0.0]))
    assert report.linear
    assert report.remainders[0] > 1e-3


def test_step_withdraws_from_a_kink_nearby():
    x = np.array([1e-5, -1e-4, 0.5])
    assert gradcheck(
        lambda x: np.sum(np.maximum(x, 0.0) ** 2 + np.abs(x)), x, lambda x: 2 * np.maximum(x, 0) + np.sign(x)
    )


def test_kink_exactly_at_x_is_named():
    report = gradcheck(lambda x: np.maximum(x, 0.0).sum(), np.array([1.0, 0.0]), lambda x: (x > 0) * 1.0)
    assert not report.passed
    assert report.kink
    assert report.worst_index == (1,)
    assert "kink" in str(report)
    assert not gradcheck(sines, POINT, one_off(np.cos(POINT))).kink
    assert not gradcheck(lambda x: np.abs(x).sum(), np.zeros(1), np.zeros(1)).kink


def test_step_stays_inside_the_domain_of_f():
    x = np.array([1e-4, 0.5])
    assert gradcheck(lambda x: np.log(x).sum(), x, lambda x: 1.0 / x).passed
    with pytest.raises(InputError, match=r"not finite beside x along x\[0\]"):
        gradcheck(lambda x: np.sqrt(x).sum(), np.array([0.0, 1.0]), np.zeros(2))


def test_step_given_bounds_how_far_f_is_followed():
    reach = []

    def f(x):
        reach.append(np.abs(x - POINT).max())
        return sines(x)

    assert gradcheck(f, POINT, np.cos, step=1e-3).passed
    assert max(reach) <= 1e-3
    assert gradcheck(f, POINT, np.cos, step=np.array([1e-3, 1e-2, 1e-3, 1e-4])).passed


@pytest.mark.parametrize("x", [np.zeros(200), np.linspace(-1.0, 1.0, 200)])
def test_smooth_function_costs_few_values_a_coordinate(x):
    n_values = 0

    def f(x):
        nonlocal n_values
        n_values += 1
        return sines(x)

    assert gradcheck(f, x, np.cos).passed
    assert n_values < 20 * x.size


# ---- what the report says ----


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


class Parameters(NamedTuple):
    encoder: tuple[Layer, ...]
    log_sigma: np.ndarray | None


def test_worst_coordinate_is_named_in_nested_views_of_a_flat_buffer():
    theta = np.linspace(-1.0, 1.0, 72)
    layers = Layer(theta[:40].reshape(5, 8), theta[40:48]), Layer(theta[48:64].reshape(8, 2), theta[64:66])
    gradient = np.cos(theta)
    gradient[3 * 8 + 7] *= -1.0
    report = gradcheck(sines, theta, gradient, blocks=Parameters((*layers, Layer(theta[66:70], theta[70:])), None))
    assert (report.worst_block, report.worst_index) == ("encoder[0].W", (3, 7))
    assert list(report.shapes) == [f"encoder[{i}].{leaf}" for i in range(3) for leaf in "Wb"]
    assert report.shapes["encoder[1].W"] == (8, 2)
    assert report.claimed == pytest.approx(-report.measured)
    assert "encoder[0].W[3, 7]" in str(report)
    assert "ratio -1" in str(report)
    assert str(report).count("wrong") == 1


def test_report_is_true_only_where_the_check_passed_and_its_repr_is_one_line():
    right, wrong = gradcheck(sines, POINT, np.cos, name="sines"), gradcheck(sines, POINT, one_off(np.cos(POINT)))
    assert right
    assert not wrong
    assert repr(right).startswith("sines passed: relative error")
    assert "gradient FAILED: relative error 1.0e-03 in x[1], claimed" in repr(wrong)
    assert "\n" not in repr(wrong)
    assert taylor_test(sines, POINT, np.cos)
    assert not taylor_test(sines, POINT, one_off(np.cos(POINT)))
    assert "order 2.00" in str(taylor_test(sines, POINT, np.cos))


def test_large_x_is_checked_along_random_directions_in_each_block():
    x = np.linspace(-1.0, 1.0, ALL_COORDINATES + 1)
    blocks = {"first": slice(0, 1000), "second": slice(1000, None)}
    report = gradcheck(sines, x, np.cos, blocks=blocks)
    assert report.passed
    assert report.n_checked == 2 * RANDOM_DIRECTIONS
    assert report.worst_index is None
    wrong = gradcheck(sines, x, one_off(np.cos(x), 1500), blocks=blocks)
    assert not wrong.passed
    assert wrong.worst_block == "second"
    assert "second along a random direction" in str(wrong)


# ---- what is left alone, what is refused ----


def test_nothing_outside_is_changed():
    x = POINT.copy()
    x.flags.writeable = False
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global state is what must not change)

    def overwriting(x):
        x[...] = np.sin(x)
        return x.sum()

    assert gradcheck(overwriting, x, np.cos).passed
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_seed_fixes_the_random_directions():
    first, again, other = (gradcheck(sines, POINT, np.cos, directions=2, seed=seed) for seed in (1, 1, 2))
    assert first.measured == again.measured
    assert first.measured != other.measured


@pytest.mark.parametrize("x", [np.float64(0.4), np.ones((2, 3, 2)), np.arange(12.0).reshape(3, 4).T[::2]])
def test_any_shape_and_memory_layout_will_do(x):
    assert gradcheck(sines, x, np.cos).passed
    assert not gradcheck(sines, x, lambda x: -np.cos(x)).passed


@pytest.mark.parametrize("check", [gradcheck, taylor_test])
@pytest.mark.parametrize(
    ("f", "x", "gradient", "message"),
    [
        (sines, POINT.astype(np.float32), np.cos, "three digits"),
        (sines, POINT.astype(np.complex128), np.cos, "complex128"),
        (sines, np.arange(3), np.cos, "int64"),
        (sines, np.array([0.0, np.nan]), np.cos, "finite"),
        (sines, np.empty((0, 3)), np.cos, r"\(0, 3\)"),
        (sines, POINT, np.ones((4, 1)), r"shape \(4,\), got \(4, 1\)"),
        (sines, POINT, np.ones(4) * 1j, "complex128"),
        (sines, POINT, np.array([1.0, np.nan, 1.0, np.inf]), "2 of its values in x"),
        (sines, POINT, Layer(np.ones(2), np.ones(2)), "one array"),
        (np.sin, POINT, np.cos, "scalar"),
        (lambda x: np.nan, POINT, np.cos, "finite"),
        (lambda x: np.float32(1.0), POINT, np.cos, "float32"),
        (lambda x: None, POINT, np.cos, "scalar"),
    ],
)
def test_bad_input_is_refused_with_the_reason(check: Callable, f, x, gradient, message):
    with pytest.raises(InputError, match=message):
        check(f, x, gradient)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": {"a": slice(0, 3)}}, "exactly once"),
        ({"blocks": {"a": slice(0, 3), "b": slice(2, 4)}}, "exactly once"),
        ({"blocks": {}}, "exactly once"),
        ({"blocks": {"a": (slice(0, 4), (2, 3))}}, "do not fill its shape"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"directions": 0}, "directions"),
        ({"step": -1.0}, "step"),
        ({"step": np.ones(3)}, "step"),
    ],
)
def test_bad_options_are_refused_with_the_reason(options, message):
    with pytest.raises(InputError, match=message):
        gradcheck(sines, POINT, np.cos, **options)


@pytest.mark.parametrize("direction", [np.zeros(4), np.ones(3), np.full(4, np.inf)])
def test_bad_direction_is_refused(direction):
    with pytest.raises(InputError, match="direction"):
        taylor_test(sines, POINT, np.cos, direction=direction)


def test_gradient_with_nan_is_refused_by_block():
    gradient = np.array([1.0, 1.0, np.nan, 1.0])
    with pytest.raises(InputError, match="1 of its values in second"):
        gradcheck(sines, POINT, gradient, blocks={"first": slice(0, 2), "second": slice(2, 4)})


def test_function_that_draws_new_noise_at_each_call_is_refused():
    generator = np.random.Generator(np.random.PCG64(0))
    with pytest.raises(InputError, match="deterministic"):
        gradcheck(lambda x: sines(x) + generator.normal(), POINT, np.cos)


# ---- forward/backward pairs ----


def linear_forward(params, x):
    return x @ params.W + params.b, (params, x)


def linear_backward(dy, cache):
    params, x = cache
    return dy @ params.W.T, Layer(x.T @ dy, dy.sum(axis=0))


def linear_inputs(batch=5):
    return {"x": X[:batch], "params": Layer(THETA[:16].reshape(4, 4), THETA[16:20])}


@MODES
def test_right_pair_passes_with_blocks_named_after_its_inputs(directions):
    report = gradcheck_pair(linear_forward, linear_backward, linear_inputs(), directions=directions, name="linear")
    assert report.passed
    assert report.worst_relative_error < 1e-10
    assert report.shapes == {"x": (5, 4), "params.W": (4, 4), "params.b": (4,)}
    assert repr(report).startswith("linear passed")


@MODES
@pytest.mark.parametrize(
    ("block", "mistake"),
    [
        ("x", lambda dx, dparams: (1.001 * dx, dparams)),
        ("x", lambda dx, dparams: (-dx, dparams)),
        ("params.W", lambda dx, dparams: (dx, dparams._replace(W=dparams.W.T))),
        ("params.b", lambda dx, dparams: (dx, dparams._replace(b=dparams.b / 5))),
    ],
)
def test_wrong_pair_is_rejected_in_the_block_that_is_wrong(block, mistake, directions):
    def backward(dy, cache):
        return mistake(*linear_backward(dy, cache))

    report = gradcheck_pair(linear_forward, backward, linear_inputs(), directions=directions)
    assert not report.passed
    assert [name for name, error in report.errors_by_block.items() if error > report.tolerance] == [block]


def test_weight_transposed_in_the_forward_pass_is_not_hidden_by_the_cotangent():
    def forward(x):
        return x.T**2, x

    def backward(dy, x):
        return 2 * x * dy  # dy should be transposed

    assert not gradcheck_pair(forward, backward, {"x": THETA[:9].reshape(3, 3)}).passed
    assert gradcheck_pair(forward, lambda dy, x: 2 * x * dy.T, {"x": THETA[:9].reshape(3, 3)}).passed


def test_pair_may_have_several_outputs_or_a_scalar_one():
    def forward(mean, log_var):
        return Layer(mean * np.exp(0.5 * log_var), log_var.sum()), (mean, log_var)

    def backward(dy, cache):
        mean, log_var = cache
        half = np.exp(0.5 * log_var)
        return dy.W * half, 0.5 * dy.W * mean * half + dy.b

    inputs = {"mean": X, "log_var": X**2 - 1.0}
    assert gradcheck_pair(forward, backward, inputs).passed
    assert gradcheck_pair(lambda x: (np.sum(x**3), x), lambda dy, x: 3 * dy * x**2, {"x": X}).passed


def test_parameters_may_be_absent():
    def forward(params, x):
        return x @ params.W, (params, x)

    def backward(dy, cache):
        params, x = cache
        return dy @ params.W.T, Layer(x.T @ dy, None)

    report = gradcheck_pair(forward, backward, {"x": X, "params": Layer(np.ones((4, 2)), None)})
    assert report.passed
    assert list(report.shapes) == ["x", "params.W"]


def test_pair_with_an_empty_batch_checks_the_parameters():
    report = gradcheck_pair(linear_forward, linear_backward, linear_inputs(batch=0))
    assert report.passed
    assert report.shapes["x"] == (0, 4)
    assert report.n_checked == 20


def test_pair_refuses_gradients_out_of_order_and_inputs_that_are_not_float64():
    with pytest.raises(InputError, match="in that order"):
        gradcheck_pair(linear_forward, lambda dy, cache: linear_backward(dy, cache)[::-1], linear_inputs())
    with pytest.raises(InputError, match="in that order"):
        gradcheck_pair(linear_forward, lambda dy, cache: linear_backward(dy, cache)[0], linear_inputs())
    with pytest.raises(InputError, match="at least one"):
        gradcheck_pair(linear_forward, linear_backward, {})
    with pytest.raises(InputError, match=r"params\.b must be float64, got float32"):
        gradcheck_pair(
            linear_forward, linear_backward, {"x": X, "params": Layer(np.ones((4, 4)), np.ones(4, np.float32))}
        )


def test_pair_that_overwrites_its_input_does_no_harm():
    def square_in_place(x):
        before = x.copy()
        x **= 2
        return x, before

    x = X.copy()
    assert gradcheck_pair(square_in_place, lambda dy, x: 2 * dy * x, {"x": x}).passed
    np.testing.assert_array_equal(x, X)


def test_blocks_are_taken_from_a_layout_of_parameters():
    layout = LinearParams(W=Shape((2, 3)), b=Shape((3,)))
    report = gradcheck(lambda x: x @ x, np.arange(9.0), 2 * np.arange(9.0), blocks=blocks(layout))
    assert report.shapes == {"W": (2, 3), "b": (3,)}
