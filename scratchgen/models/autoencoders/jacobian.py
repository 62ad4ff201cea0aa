"""The Jacobian of the encoder: how the code of each example moves with its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgen.kernels.matmul import matmul
from scratchgen.ops.activation_slope import activation_slope_forward
from scratchgen.ops.activations import ActivationCache
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.autoencoders.autoencoder import Autoencoder


def encoder_jacobian(model: Autoencoder, x: Any) -> Array:
    r"""Return the derivative of each unit of the code by each feature, at each example: (n, n_code, n_visible).

    For layers :math:`h_l = f_l(h_{l-1} W_l + b_l)` with slopes :math:`s_l`, from the code down:

    .. math:: J = \text{diag}(s_L)\, W_L' \cdots \text{diag}(s_1)\, W_1'

    The mean of its squared Frobenius norm is the penalty of a contractive autoencoder, which does not form it: give a
    few examples at a time. Its singular values are what `scratchgen.plots.jacobian_spectrum` draws.

    Parameters
    ----------
    x : array (n, n_visible)

    Raises
    ------
    InputError
        `x` is not data of the model.
    """
    _, caches = model._encode(model.check_data(x))
    slopes = [activation_slope_forward(ActivationCache(cache.saved, cache.activation))[0] for cache in caches]
    jacobian = slopes[-1][:, :, None] * caches[-1].W.T  # (n, n_code, H_{L-1})
    for slope, cache in zip(slopes[-2::-1], caches[-2::-1], strict=True):
        rows = (jacobian * slope[:, None, :]).reshape(-1, slope.shape[1])  # (n n_code, H_l)
        jacobian = matmul(rows, cache.W.T).reshape(*jacobian.shape[:2], -1)
    return jacobian
