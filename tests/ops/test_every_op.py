"""What holds for every op, whatever it computes; a new op is one more entry of `table`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest

from scratchgen import ops
from scratchgen.backend import get_backend
from scratchgen.geometry import Geometry
from scratchgen.ops.activation_slope import activation_slope_backward, activation_slope_forward
from scratchgen.ops.activations import activation_backward, activation_forward
from scratchgen.ops.boltzmann import RBMParams, free_energy_backward, free_energy_forward
from scratchgen.ops.class_rows import (
    ClassDenseParams,
    class_dense_backward_,
    class_dense_forward,
    class_rows_backward,
    class_rows_forward,
)
from scratchgen.ops.contraction import (
    layer_contraction_backward,
    layer_contraction_forward,
    network_contraction_backward,
    network_contraction_forward,
)
from scratchgen.ops.convolution import ConvParams, conv2d_backward_, conv2d_forward
from scratchgen.ops.divergences import (
    kl_bernoulli_backward,
    kl_bernoulli_forward,
    kl_categorical_backward,
    kl_categorical_forward,
    kl_standard_normal_backward,
    kl_standard_normal_forward,
)
from scratchgen.ops.gaussian import (
    join_heads,
    reparameterise_backward,
    reparameterise_forward,
    reparameterise_kl_backward,
    reparameterise_kl_forward,
    split_heads,
)
from scratchgen.ops.gaussian_divergences import (
    kl_diagonal_gaussians_backward,
    kl_diagonal_gaussians_forward,
    kl_gaussians_backward,
    kl_gaussians_forward,
)
from scratchgen.ops.importance import (
    log_mean_exp_backward,
    log_mean_exp_forward,
    reparameterise_ratio_backward,
    reparameterise_ratio_forward,
)
from scratchgen.ops.likelihoods import (
    bernoulli_nll_and_dlogits,
    bernoulli_nll_backward,
    bernoulli_nll_forward,
    gaussian_nll_backward,
    gaussian_nll_forward,
)
from scratchgen.ops.linear import LinearParams, dense_backward_, dense_forward, linear_backward, linear_forward
from scratchgen.ops.linear_gaussian import (
    LinearGaussianParams,
    linear_gaussian_nll_backward,
    linear_gaussian_nll_forward,
)
from scratchgen.ops.penalties import l1_backward, l1_forward, sparsity_backward, sparsity_forward
from scratchgen.ops.softmax import log_softmax_backward, log_softmax_forward
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_, conv2d_transpose_forward

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softplus", "swish")
GEOMETRY = Geometry(image=(5, 4), kernel=(3, 2), stride=(2, 1), padding=(1, 0, 0, 2))
SIZES = {"D": 5, "K": 3, "L": 2, "1": 1, "height": 5, "width": 4, "rows": 2, "columns": 5, "above": 3, "beside": 2}
SIZES["every"] = 2 + SIZES["L"] * 5  # rows for two examples of a known class and five of L possible ones
N = 7  # no other size: an axis of this length is the batch


class Op(NamedTuple):
    forward: Callable[..., tuple[Any, Any]]  # of the inputs by name: (y, cache)
    backward: Callable[..., Any]  # of dy and the cache: the gradients of the leading inputs
    inputs: dict[str, str]  # name -> axes
    of_batch: bool = False  # whether the rows of a batch meet in the result


def table(backend):
    """Return the ops by name, their kernels those of `backend`."""

    def dense(x, W, b, activation):
        return dense_forward(LinearParams(W, b), x, activation, backend)

    def class_dense(x, W, V, b, target, n_labelled=None):
        n_labelled = x.shape[0] if n_labelled is None else n_labelled
        return class_dense_forward(ClassDenseParams(W, V, b), x, target, n_labelled, "tanh", backend)

    def convolution(x, W, b, activation):
        return conv2d_forward(ConvParams(W, b), x, GEOMETRY, activation, backend)

    def transposed(x, W, b, activation):
        return conv2d_transpose_forward(ConvParams(W, b), x, GEOMETRY, activation, backend)

    def slope(a, activation):
        return activation_slope_forward(activation_forward(a, activation)[1])

    def network_contraction(W0, W1, W2, s0, s1, s2):
        return network_contraction_forward((W0, W1, W2), (s0, s1, s2))

    def nll(logits, unit_x):
        return bernoulli_nll_forward(logits, unit_x, backend)

    def fused_nll(logits, unit_x):
        return bernoulli_nll_and_dlogits(logits, unit_x, 0.7, backend), None

    def fused_latent(mean, log_var, noise):
        z, kl, cache = reparameterise_kl_forward(join_heads(mean, log_var), noise, backend)
        return (z, kl), cache

    def fused_latent_backward(dy, cache):
        return split_heads(reparameterise_kl_backward(dy[0], 0.7, cache, backend))

    def free_energy(W, b, c, unit_v):
        return free_energy_forward(RBMParams(W, b, c), unit_v)

    def gaussian_free_energy(W, b, c, log_sigma, v):
        return free_energy_forward(RBMParams(W, b, c, log_sigma), v)

    def kl_bernoulli(unit_p, unit_q):
        return kl_bernoulli_forward(unit_p, unit_q)

    def kl_categorical(unit_p, unit_q):
        return kl_categorical_forward(unit_p, unit_q)

    def kl_diagonal(mean_q, log_var_q, mean_p, log_var_p):
        return kl_diagonal_gaussians_forward(mean_q, log_var_q, mean_p, log_var_p)

    def kl_full(mean_q, definite_q, mean_p, definite_p):
        return kl_gaussians_forward(mean_q, definite_q, mean_p, definite_p)

    def linear_gaussian(W, b, log_sigma, x):
        return linear_gaussian_nll_forward(LinearGaussianParams(W, b, log_sigma), x)

    def sparsity(unit_p):
        return sparsity_forward(unit_p, 0.2)

    joint = {"x": "N D", "W": "D K", "V": "L K", "b": "K"}
    class_dense_back = partial(class_dense_backward_, backend=backend)
    machine = {"W": "D K", "b": "D", "c": "K"}
    affine = {"x": "N D", "W": "D K", "b": "K"}
    sample, samples = ({"mean": "N D", "log_var": "N D", "noise": axes} for axes in ("N D", "L N D"))
    image_to_grid = {"x": "N height width D", "W": "above beside D K", "b": "K"}
    grid_to_image = {"x": "N rows columns K", "W": "above beside D K", "b": "D"}
    three_layers = {"W0": "D K", "W1": "K L", "W2": "L D", "s0": "N K", "s1": "N L", "s2": "N D"}
    diagonal = dict.fromkeys(("mean_q", "log_var_q", "mean_p", "log_var_p"), "N D")
    full = {"mean_q": "N D", "definite_q": "N D D", "mean_p": "N D", "definite_p": "N D D"}
    bernoulli = {"logits": "N D", "unit_x": "N D"}
    return {
        "linear": Op(lambda x, W, b: linear_forward(LinearParams(W, b), x), linear_backward, affine),
        **{
            f"dense {f}": Op(partial(dense, activation=f), partial(dense_backward_, backend=backend), affine)
            for f in ACTIVATIONS
        },
        **{
            f"activation {f}": Op(partial(activation_forward, activation=f), activation_backward, {"a": "N D"})
            for f in ACTIVATIONS
        },
        **{
            f"activation_slope {f}": Op(partial(slope, activation=f), activation_slope_backward, {"a": "N D"})
            for f in ACTIVATIONS
        },
        "bernoulli_nll": Op(nll, bernoulli_nll_backward, bernoulli),
        "bernoulli_nll fused": Op(fused_nll, lambda dy, cache: (), bernoulli),
        **{
            f"conv2d {f}": Op(
                partial(convolution, activation=f), partial(conv2d_backward_, backend=backend), image_to_grid
            )
            for f in ("relu", "softplus")  # one saves its output, the other its pre-activation
        },
        **{
            f"conv2d_transpose {f}": Op(
                partial(transposed, activation=f), partial(conv2d_transpose_backward_, backend=backend), grid_to_image
            )
            for f in ("relu", "softplus")
        },
        "free_energy": Op(free_energy, free_energy_backward, machine | {"unit_v": "N D"}),
        "free_energy gaussian": Op(
            gaussian_free_energy, free_energy_backward, machine | {"log_sigma": "D", "v": "N D"}
        ),
        "gaussian_nll": Op(gaussian_nll_forward, gaussian_nll_backward, {"mean": "N D", "x": "N D", "log_sigma": "1"}),
        "linear_gaussian_nll": Op(
            linear_gaussian, linear_gaussian_nll_backward, {"W": "K D", "b": "D", "log_sigma": "1", "x": "N D"}
        ),
        "kl_bernoulli": Op(kl_bernoulli, kl_bernoulli_backward, {"unit_p": "N D", "unit_q": "N D"}),
        "l1": Op(l1_forward, l1_backward, {"h": "N D"}, of_batch=True),
        "layer_contraction": Op(
            layer_contraction_forward, layer_contraction_backward, {"W": "D K", "slope": "N K"}, of_batch=True
        ),
        "network_contraction": Op(network_contraction, network_contraction_backward, three_layers, of_batch=True),
        "kl_categorical": Op(kl_categorical, kl_categorical_backward, {"unit_p": "N D", "unit_q": "N D"}),
        "kl_diagonal_gaussians": Op(kl_diagonal, kl_diagonal_gaussians_backward, diagonal),
        "kl_gaussians": Op(kl_full, kl_gaussians_backward, full),
        "log_mean_exp": Op(log_mean_exp_forward, log_mean_exp_backward, {"log_weight": "L N"}),
        "class_rows": Op(
            partial(class_rows_forward, n_labelled=2, n_classes=3), class_rows_backward, {"x": "N D"}, True
        ),
        "class_dense": Op(class_dense, class_dense_back, joint | {"target": "N L"}),
        "class_dense every class": Op(
            partial(class_dense, n_labelled=2), class_dense_back, joint | {"target": "every L"}, of_batch=True
        ),
        "log_softmax": Op(log_softmax_forward, log_softmax_backward, {"logits": "N D"}),
        "sparsity": Op(sparsity, sparsity_backward, {"unit_p": "N D"}, of_batch=True),
        "kl_standard_normal": Op(
            kl_standard_normal_forward, kl_standard_normal_backward, {"mean": "N D", "log_var": "N D"}
        ),
        "reparameterise": Op(reparameterise_forward, reparameterise_backward, sample),
        "reparameterise L": Op(reparameterise_forward, reparameterise_backward, samples),
        "reparameterise_ratio": Op(reparameterise_ratio_forward, reparameterise_ratio_backward, samples),
        "reparameterise_kl": Op(fused_latent, fused_latent_backward, sample),
        "reparameterise_kl L": Op(fused_latent, fused_latent_backward, samples),
    }


NAMES = list(table(get_backend("numpy")))
ROW_BY_ROW = [name for name, op in table(get_backend("numpy")).items() if not op.of_batch]


@pytest.fixture(params=NAMES)
def op(request, backend):
    return table(backend)[request.param]


@pytest.fixture(params=NAMES)
def reference(request):
    return table(get_backend("numpy"))[request.param]


def draw_inputs(op, n=N, dtype="float64"):
    generator = np.random.Generator(np.random.PCG64(0))
    inputs = {}
    for name, axes in op.inputs.items():
        shape = tuple((SIZES | {"N": n})[axis] for axis in axes.split())
        draw = generator.uniform if name.startswith("unit") else generator.normal
        array = draw(size=shape)
        if name.startswith("definite"):
            array = array @ array.swapaxes(-1, -2) + np.eye(shape[-1])
        inputs[name] = array.astype(dtype)
    return inputs


def evaluate(op, inputs):
    """Return the outputs and the gradients of half the sum of their squares, which treats every row alike."""
    y, cache = op.forward(**inputs)
    dy = tuple(1.0 * part for part in y) if isinstance(y, tuple) else 1.0 * y
    return leaves(y), leaves(op.backward(dy, cache))


def leaves(tree):
    return [leaf for child in tree for leaf in leaves(child)] if isinstance(tree, tuple) else [tree]


def assert_all_close(found, expected, rtol):
    for results, right_results in zip(found, expected, strict=True):
        for result, right in zip(results, right_results, strict=True):
            scale = np.max(np.abs(right), initial=0.0)
            np.testing.assert_allclose(result, right, rtol=rtol, atol=rtol * scale)


def test_array_api_strict_gives_numpys_numbers(reference):
    inputs = draw_inputs(reference)
    strict = evaluate(reference, {name: array_api_strict.asarray(x) for name, x in inputs.items()})
    assert all(type(leaf).__module__.startswith("array_api_strict") for part in strict for leaf in part)
    assert_all_close([[np.asarray(x) for x in part] for part in strict], evaluate(reference, inputs), 1e-14)


def test_inputs_are_left_unchanged(op):
    inputs = draw_inputs(op)
    before = {name: x.copy() for name, x in inputs.items()}
    evaluate(op, inputs)
    for name, x in inputs.items():
        np.testing.assert_array_equal(x, before[name])


def test_strided_and_transposed_inputs_give_the_same_numbers(op):
    inputs = draw_inputs(op)
    strided = {}
    for name, x in inputs.items():
        wide = np.full([2 * size for size in x.shape[::-1]], np.nan)
        strided[name] = wide[tuple(slice(None, None, 2) for _ in x.shape)].T
        strided[name][...] = x
    assert_all_close(evaluate(op, strided), evaluate(op, inputs), 1e-14)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("op", ROW_BY_ROW, indirect=True)
def test_batch_of_none_or_one_gives_the_right_shapes(op, n):
    inputs = draw_inputs(op, n)
    outputs, gradients = evaluate(op, inputs)
    assert all(n in y.shape for y in outputs)
    for gradient, x in zip(gradients, inputs.values(), strict=False):
        assert gradient.shape == x.shape
        assert gradient.dtype == x.dtype
        if n == 0:
            assert not gradient.any()  # of parameters: a sum over no examples


@pytest.mark.parametrize("op", ROW_BY_ROW, indirect=True)
def test_batched_equals_one_by_one(op):
    inputs = draw_inputs(op)
    alone = [
        evaluate(op, {k: x if N not in x.shape else np.take(x, [i], x.shape.index(N)) for k, x in inputs.items()})
        for i in range(N)
    ]
    batched = evaluate(op, inputs)
    for part in (0, 1):
        for k, result in enumerate(batched[part]):
            rows = [evaluated[part][k] for evaluated in alone]
            whole = np.concatenate(rows, axis=result.shape.index(N)) if N in result.shape else sum(rows)
            np.testing.assert_allclose(result, whole, rtol=1e-12, atol=1e-13)


def test_float32_stays_float32_and_agrees_with_float64(op):
    single = evaluate(op, draw_inputs(op, dtype="float32"))
    assert all(leaf.dtype == np.float32 for part in single for leaf in part)
    assert_all_close(single, evaluate(op, draw_inputs(op)), 2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_kernels_give_the_numbers_of_the_reference(name):
    compiled, plain = (table(get_backend(backend))[name] for backend in ("cpu", "numpy"))
    assert_all_close(evaluate(compiled, draw_inputs(plain)), evaluate(plain, draw_inputs(plain)), 1e-14)


def test_every_public_op_is_in_the_table():
    modules = [import_module(f"{ops.__name__}.{module.name}") for module in iter_modules(ops.__path__)]
    forwards = {
        name.removesuffix("_forward")
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("_forward") and value.__module__ == module.__name__
    }
    assert {name.split()[0] for name in NAMES} == forwards
