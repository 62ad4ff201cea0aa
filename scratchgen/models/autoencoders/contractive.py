r"""The contractive autoencoder: a penalty makes the code change little where the data are, but for reconstruction.

.. math:: J = \text{reconstruction} + \text{weight decay}
          + \gamma\, \frac1n \sum_i \Big\lVert \frac{\partial h(x_i)}{\partial x_i} \Big\rVert_F^2

The penalty and its cost in time stand in `scratchgen.ops.contraction`: in closed form for a code one layer away from
the data; through a deeper encoder by a pass down from the code, for all its units at once.

References
----------
S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio: "Contractive auto-encoders: explicit invariance during feature
extraction", ICML 2011.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.kernels.matmul import matmul
from scratchgen.models.autoencoders.autoencoder import Autoencoder, Encoding
from scratchgen.nn.mlp import Layers
from scratchgen.ops.activation_slope import activation_slope_backward, activation_slope_forward
from scratchgen.ops.activations import ActivationCache
from scratchgen.ops.contraction import (
    layer_contraction_backward,
    layer_contraction_forward,
    network_contraction_backward,
    network_contraction_forward,
)
from scratchgen.ops.linear import DenseCache, LinearCache, linear_backward_params
from scratchgen.typing import Array
from scratchgen.validation import check_nonnegative


class _PenaltyCache(NamedTuple):
    slopes: tuple[Array, ...]  # of each layer of the encoder
    of_slopes: tuple[ActivationCache, ...]
    of_contraction: Any


class ContractiveAutoencoder(Autoencoder):
    """Autoencoder whose encoder has a small Jacobian at the data.

    Parameters
    ----------
    n_visible, hidden, n_code, **options
        As of `Autoencoder`. With ``hidden=()``, the default, the penalty has a closed form and costs next to nothing.
        With more layers its cost grows as `n_code` times the square of the first width: a step of 784-400-20 takes some
        nine times as long as without it.
    contraction_cost : float
        gamma of the loss.
    activation, code_activation : str
        As of `Autoencoder`. The slope of "relu" jumps, and the gradient of the penalty does not see the jumps: a smooth
        activation is the better choice.

    Notes
    -----
    Scaling the code down and the decoder's weights up lowers the penalty without any change of the reconstruction: a
    little `weight_decay` stops that.

    Examples
    --------
    >>> import scratchgen as sg
    >>> x = sg.datasets.load("digits").x_train
    >>> contractive = sg.ContractiveAutoencoder(64, (), 32, contraction_cost=1.0, weight_decay=1e-3)
    >>> history = contractive.fit(x, epochs=2, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    """

    def __init__(
        self,
        n_visible: int,
        hidden: tuple[int, ...] = (),
        n_code: int = 20,
        *,
        contraction_cost: float = 0.1,
        activation: str = "sigmoid",
        code_activation: str = "sigmoid",
        **options: Any,
    ) -> None:
        self.penalty_cost = check_nonnegative("contraction_cost", contraction_cost)
        super().__init__(n_visible, hidden, n_code, activation=activation, code_activation=code_activation, **options)
        self.settings["contraction_cost"] = self.penalty_cost

    def _penalty_forward(self, code: Array, caches: list[DenseCache]) -> tuple[Any, Any]:
        activations = (ActivationCache(cache.saved, cache.activation) for cache in caches)
        slopes, of_slopes = zip(*map(activation_slope_forward, activations), strict=True)
        weights = tuple(cache.W for cache in caches)
        contraction: tuple[Any, Any]
        if len(caches) == 1:
            contraction = layer_contraction_forward(*weights, *slopes)
        else:
            contraction = network_contraction_forward(weights, slopes)
        penalty, of_contraction = contraction
        return penalty, _PenaltyCache(slopes, of_slopes, of_contraction)

    def _penalty_backward(self, cache: _PenaltyCache) -> tuple[tuple[Array, ...], list[Array]]:
        """Return the gradient of the penalty, times its cost, by the weights and by the a_l of each layer."""
        if len(cache.slopes) == 1:
            dW, dslope = layer_contraction_backward(self.penalty_cost, cache.of_contraction)
            dweights, dslopes = (dW,), (dslope,)
        else:
            dweights, dslopes = network_contraction_backward(self.penalty_cost, cache.of_contraction)
        return dweights, [*map(activation_slope_backward, dslopes, cache.of_slopes)]

    def _encoder_backward_(self, dcode: Array, encoding: Encoding, out: Layers) -> Array:
        da = self._backward_to_first_layer_(dcode, encoding, out)
        return matmul(da, self.params.encoder[0].W.T, precision=self.backend.precision)

    def _encoder_backward_params_(self, dcode: Array, encoding: Encoding, out: Layers) -> None:
        self._backward_to_first_layer_(dcode, encoding, out)

    def _backward_to_first_layer_(self, dcode: Array, encoding: Encoding, out: Layers) -> Array:
        """Fill the gradients of the encoder, and return da_1.

        Reconstruction and penalty share one pass: the penalty adds its own part to the da_l and to the dW_l of each
        layer, da_l = dh_l * s_l + (that part).
        """
        slopes, precision = encoding.penalty_cache.slopes, self.backend.precision
        dweights_of_penalty, da_of_penalty = self._penalty_backward(encoding.penalty_cache)
        dh = dcode
        for layer in reversed(range(len(out))):
            da = dh * slopes[layer] + da_of_penalty[layer]
            cache = encoding.caches[layer]
            linear_backward_params(da, LinearCache(cache.W, cache.x, precision), out[layer])
            out[layer].W[...] += dweights_of_penalty[layer]
            if layer:
                dh = matmul(da, cache.W.T, precision=precision)
        return da
