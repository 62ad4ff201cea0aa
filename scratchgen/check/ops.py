"""The table of ops and networks: each with inputs at which its gradient is checked. A new op is one more entry.

Weights are square, so that a transposed one has a shape that fits and must be found by its numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scratchgen.backend import Backend
from scratchgen.check.piece import Piece
from scratchgen.finite_differences import GradcheckReport, gradcheck_pair
from scratchgen.finite_differences.trees import leaves_of, rebuilt
from scratchgen.geometry import Geometry, same_geometries
from scratchgen.kernels.bias_activation import ACTIVATIONS
from scratchgen.nn.convolutional import (
    convolutions_backward_,
    convolutions_forward,
    transposed_convolutions_backward_,
    transposed_convolutions_forward,
)
from scratchgen.nn.input_gradient import (
    SMOOTH_ACTIVATIONS,
    input_gradient_backward,
    mlp_input_gradient_forward,
)
from scratchgen.nn.mlp import mlp_backward_, mlp_forward
from scratchgen.ops.activation_slope import activation_slope_backward, activation_slope_forward
from scratchgen.ops.activations import activation_backward, activation_forward
from scratchgen.ops.boltzmann import RBMParams, free_energy_backward, free_energy_forward
from scratchgen.ops.class_rows import (
    ClassDenseParams,
    class_dense_backward_,
    class_dense_backward_params_,
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
from scratchgen.ops.convolution import ConvParams, conv2d_backward_, conv2d_backward_params_, conv2d_forward
from scratchgen.ops.divergences import (
    kl_bernoulli_backward,
    kl_bernoulli_forward,
    kl_categorical_backward,
    kl_categorical_forward,
    kl_standard_normal_backward,
    kl_standard_normal_forward,
)
from scratchgen.ops.gaussian import (
    reparameterise_backward,
    reparameterise_forward,
    reparameterise_kl_backward,
    reparameterise_kl_forward,
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
from scratchgen.random import Stream
from scratchgen.typing import Array

_N, _SAMPLES, _FEATURES, _CHANNELS = 3, 2, 4, 2
_OBLIQUE = Geometry(image=(5, 4), kernel=(3, 2), stride=(2, 1), padding=(1, 0, 0, 2))
_HALVING = same_geometries((4, 3), kernel=3, strides=(2, 1))  # zeros after the four rows, around the three columns


def op_pieces(backend: Backend) -> list[Piece]:
    """Return the pieces in `scratchgen.ops` and `scratchgen.nn`, their kernels those of `backend`."""
    stream = Stream(0, "numpy")

    def normal(*shape: int) -> Array:
        return stream.normal(shape, "float64")

    def pair(name: str, forward: Any, backward: Any, inputs: dict[str, Any], **fixed: Any) -> Piece:
        return Piece(name, partial(_check_pair, name, forward, backward, inputs, fixed, backend))

    x, unit_x = normal(_N, _FEATURES), stream.uniform((_N, _FEATURES), "float64")
    unit_y = stream.uniform((_N, _FEATURES), "float64")
    params = LinearParams(normal(_FEATURES, _FEATURES), normal(_FEATURES))
    affine = {"x": x, "params": params}
    network = {"x": x, "layers": (params, LinearParams(normal(_FEATURES, _FEATURES), normal(_FEATURES)))}
    off_zero = {"a": x + np.copysign(0.1, x)}  # where ReLU has its kink
    rows, log_sigma = normal(_SAMPLES * _N, _FEATURES), normal(1)
    q = {"mean": normal(_N, _FEATURES), "log_var": normal(_N, _FEATURES)}
    heads = {"heads": normal(_N, 2 * _FEATURES)}
    noise, noises = normal(_N, _FEATURES), normal(_SAMPLES, _N, _FEATURES)
    machine = RBMParams(normal(_FEATURES, _FEATURES), normal(_FEATURES), normal(_FEATURES))
    gaussian_machine = machine._replace(log_sigma=normal(_FEATURES))
    # sums of many terms: with weights of half the size tanh does not saturate
    layer = ConvParams(0.5 * normal(3, 2, _CHANNELS, _CHANNELS), normal(_CHANNELS))
    images, grids = (normal(_SAMPLES, *size, _CHANNELS) for size in (_OBLIQUE.image, _OBLIQUE.grid))
    stack = tuple(ConvParams(0.5 * normal(3, 3, _CHANNELS, _CHANNELS), normal(_CHANNELS)) for _ in _HALVING)
    small_images, small_grids = (normal(1, *size, _CHANNELS) for size in (_HALVING[0].image, _HALVING[-1].grid))
    several = f"L={_SAMPLES}"
    p = {"mean_p": normal(_N, _FEATURES), "log_var_p": normal(_N, _FEATURES)}
    diagonal = {"mean_q": q["mean"], "log_var_q": q["log_var"], **p}
    roots = normal(2, _N, _FEATURES, _FEATURES)
    covariance_q, covariance_p = roots @ roots.swapaxes(-1, -2) + np.eye(_FEATURES)
    full = {"mean_q": q["mean"], "covariance_q": covariance_q, "mean_p": p["mean_p"], "covariance_p": covariance_p}
    linear_gaussian = {"params": LinearGaussianParams(params.W[:2], params.b, log_sigma), "x": x}
    evidence = (linear_gaussian_nll_forward, linear_gaussian_nll_backward)
    ratio = (reparameterise_ratio_forward, reparameterise_ratio_backward)

    # one example of class 2, and all classes of the two others
    target = np.concatenate([np.eye(_FEATURES)[[2]], np.repeat(np.eye(_FEATURES), _N - 1, axis=0)])
    classes = {"target": target, "n_labelled": 1}
    joint = {"x": x, "params": ClassDenseParams(params.W, normal(_FEATURES, _FEATURES), params.b)}
    class_dense = (class_dense_forward, class_dense_backward_)
    class_parameters = (class_dense_forward, class_dense_backward_params_)

    convolution = (conv2d_forward, conv2d_backward_)
    transposed = (conv2d_transpose_forward, conv2d_transpose_backward_)
    convolutions = (convolutions_forward, convolutions_backward_)
    transposed_convolutions = (transposed_convolutions_forward, transposed_convolutions_backward_)
    oblique = {"geometry": _OBLIQUE, "activation": "tanh"}
    nll = (bernoulli_nll_forward, bernoulli_nll_backward)
    squares = (gaussian_nll_forward, gaussian_nll_backward)
    free_energy = (free_energy_forward, free_energy_backward)
    contraction = (network_contraction_forward, network_contraction_backward)
    input_gradient = (mlp_input_gradient_forward, input_gradient_backward)
    sample = (reparameterise_forward, reparameterise_backward)
    return [
        pair("linear", linear_forward, linear_backward, affine),
        *(pair(f"dense {f}", dense_forward, dense_backward_, affine, activation=f) for f in ACTIVATIONS),
        *(
            pair(f"activation {f}", activation_forward, activation_backward, off_zero, activation=f)
            for f in ACTIVATIONS
        ),
        *(
            pair(f"activation_slope {f}", _slope_forward, activation_slope_backward, off_zero, activation=f)
            for f in ("tanh", "sigmoid", "softplus", "swish")  # the others have no second derivative to be checked
        ),
        pair("class_rows", class_rows_forward, class_rows_backward, {"x": x}, n_labelled=1, n_classes=_FEATURES),
        *(pair(f"class_dense {f}", *class_dense, joint, **classes, activation=f) for f in ("softplus", "tanh")),
        pair(
            "class_dense parameters", *class_parameters, {"params": joint["params"]}, x=x, **classes, activation="tanh"
        ),
        pair("mlp", mlp_forward, mlp_backward_, network, activations=("tanh", "swish")),
        pair("conv2d", *convolution, {"x": images, "params": layer}, **oblique),
        pair("conv2d parameters", conv2d_forward, conv2d_backward_params_, {"params": layer}, x=images, **oblique),
        pair("conv2d_transpose", *transposed, {"x": grids, "params": layer}, **oblique),
        pair(
            "convolutions",
            *convolutions,
            {"x": small_images, "layers": stack},
            geometries=_HALVING,
            activations=("tanh", "swish"),
        ),
        pair(
            "transposed_convolutions",
            *transposed_convolutions,
            {"x": small_grids, "layers": stack},
            geometries=_HALVING[::-1],
            activations=("tanh", "swish"),
        ),
        *(pair(f"input_gradient {f}", *input_gradient, network, activations=(f, f)) for f in SMOOTH_ACTIVATIONS),
        pair("bernoulli_nll", *nll, {"logits": x, "x": unit_x}),
        pair(f"bernoulli_nll {several}", *nll, {"logits": rows, "x": unit_x}),
        pair("bernoulli_nll fused", _fused_nll_forward, _fused_nll_backward, {"logits": rows}, x=unit_x),
        pair("gaussian_nll", *squares, {"mean": rows[:_N], "x": x, "log_sigma": log_sigma}),
        pair(f"gaussian_nll {several}", *squares, {"mean": rows, "x": x, "log_sigma": log_sigma}),
        pair("linear_gaussian_nll", *evidence, linear_gaussian),
        pair("kl_standard_normal", kl_standard_normal_forward, kl_standard_normal_backward, q),
        pair("kl_bernoulli", kl_bernoulli_forward, kl_bernoulli_backward, {"p": unit_x, "q": unit_y}),
        pair("kl_categorical", kl_categorical_forward, kl_categorical_backward, {"p": unit_x, "q": unit_y}),
        pair("kl_diagonal_gaussians", kl_diagonal_gaussians_forward, kl_diagonal_gaussians_backward, diagonal),
        pair("kl_gaussians", kl_gaussians_forward, kl_gaussians_backward, full),
        pair("sparsity", sparsity_forward, sparsity_backward, {"p": unit_x}, target=0.2),
        pair("l1", l1_forward, l1_backward, {"h": off_zero["a"]}),
        pair("layer_contraction", layer_contraction_forward, layer_contraction_backward, {"W": params.W, "slope": x}),
        pair("network_contraction 2 layers", *contraction, _network(normal, 2)),
        pair("network_contraction 4 layers", *contraction, _network(normal, 4)),
        pair("free_energy", *free_energy, {"params": machine, "v": unit_x}),
        pair("free_energy gaussian", *free_energy, {"params": gaussian_machine, "v": x}),
        pair("reparameterise", *sample, q, noise=noise),
        pair(f"reparameterise {several}", *sample, q, noise=noises),
        pair("reparameterise_ratio", *ratio, q, noise=noises),
        pair("log_mean_exp", log_mean_exp_forward, log_mean_exp_backward, {"log_weight": rows}),
        pair("log_softmax", log_softmax_forward, log_softmax_backward, {"logits": noises}),
        pair("reparameterise_kl", _fused_latent_forward, _fused_latent_backward, heads, noise=noise),
        pair(f"reparameterise_kl {several}", _fused_latent_forward, _fused_latent_backward, heads, noise=noises),
    ]


def _network(normal: Callable[..., Array], n_layers: int) -> dict[str, tuple[Array, ...]]:
    """Return weights and slopes of layers of one width."""
    weights = tuple(normal(_FEATURES, _FEATURES) for _ in range(n_layers))
    return {"weights": weights, "slopes": tuple(normal(_N, _FEATURES) for _ in range(n_layers))}


def _check_pair(
    name: str, forward: Any, backward: Any, inputs: dict[str, Any], fixed: dict[str, Any], backend: Backend
) -> GradcheckReport:
    forward, backward = (_with_backend(function, backend) for function in (forward, backward))
    fixed = {key: backend.asarray(x) if isinstance(x, np.ndarray) else x for key, x in fixed.items()}
    return gradcheck_pair(
        lambda **point: forward(**_moved(point, backend), **fixed),
        lambda dy, cache: backward(_moved(dy, backend), cache),
        inputs,
        name=name,
    )


def _with_backend(function: Callable[..., Any], backend: Backend) -> Callable[..., Any]:
    takes_backend = "backend" in inspect.signature(function).parameters
    return partial(function, backend=backend) if takes_backend else function


def _moved(tree: Any, backend: Backend) -> Any:
    """Return `tree` with a copy of each array on `backend`: some functions use up what they are given."""
    return rebuilt(tree, (backend.xp.array(leaf) for _, leaf in leaves_of(tree)))


def _slope_forward(a: Array, activation: str) -> tuple[Array, Any]:
    return activation_slope_forward(activation_forward(a, activation)[1])


# The two fused pieces whose backward takes one weight for all rows: here it is the gradient with respect to their sum.


def _fused_nll_forward(logits: Array, x: Array, backend: Backend) -> tuple[Array, tuple[Array, Array]]:
    return bernoulli_nll_and_dlogits(logits, x, 1.0, backend)[0].sum(), (logits, x)


def _fused_nll_backward(weight: Array, cache: tuple[Array, Array], backend: Backend) -> Array:
    return bernoulli_nll_and_dlogits(*cache, float(weight), backend)[1]


def _fused_latent_forward(heads: Array, noise: Array, backend: Backend) -> tuple[Any, Any]:
    z, kl, cache = reparameterise_kl_forward(heads, noise, backend)
    return (z, kl.sum()), cache


def _fused_latent_backward(dy: tuple[Array, Array], cache: Any, backend: Backend) -> Array:
    dz, kl_weight = dy
    return reparameterise_kl_backward(dz, float(kl_weight), cache, backend)
