r"""The sparse autoencoder: a penalty keeps most units of the code near zero for most examples.

.. math:: J = \text{reconstruction} + \frac{\lambda}{2} \sum_l \lVert W_l \rVert_F^2 + \beta \cdot \text{sparsity}

with one of two penalties:

========  ==========================================================  =============================================
sparsity  formula                                                     asks for
========  ==========================================================  =============================================
"l1"      (1/n) sum_ij abs(h_ij)                                      few units that differ from 0 for each example
"kl"      sum_j KL(Bernoulli(rho) || Bernoulli(q_j)),                 a mean activation rho of each unit: rarely on
          q_j = (1/n) sum_i h_ij
========  ==========================================================  =============================================

The mean q_j is over the batch, so that the "kl" of a data set depends on the batches that it is divided into. L1 has a
kink at 0, where its gradient is taken as 0.

References
----------
A. Ng: "Sparse autoencoder", CS294A lecture notes, Stanford, 2011.
"""

from __future__ import annotations

from typing import Any

from scratchgen.errors import InputError
from scratchgen.models.autoencoders.autoencoder import Autoencoder, Encoding
from scratchgen.nn.mlp import Layers
from scratchgen.ops.linear import DenseCache
from scratchgen.ops.penalties import l1_backward, l1_forward, sparsity_backward, sparsity_forward
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_nonnegative, is_finite_number

DEFAULT_COSTS = {"kl": 10.0, "l1": 0.1}
SPARSITIES = tuple(DEFAULT_COSTS)
DEFAULT_TARGET = 0.05


class SparseAutoencoder(Autoencoder):
    """Autoencoder with a sparse code.

    Parameters
    ----------
    n_visible, hidden, n_code, **options
        As of `Autoencoder`, `weight_decay` among them; by default the code is one layer away from the data. It may be
        wider than they are.
    sparsity : {"kl", "l1"}
        The penalty; "kl" needs the code activation "sigmoid", whose mean is a probability.
    sparsity_cost : float, optional
        beta of the loss: by default 10 for "kl" and 0.1 for "l1", which switches all units off where it costs too much.
    sparsity_target : float, optional
        rho of "kl", in (0, 1), by default 0.05. Mean activations come the nearer to it the larger `sparsity_cost` is
        beside the reconstruction term. None for "l1", which has no target.
    code_activation : str
        As of `Autoencoder`.

    Notes
    -----
    A decoder can make up for a small code by large weights, and an L1 penalty alone then only shrinks the code: give
    `weight_decay` too.

    Examples
    --------
    >>> import scratchgen as sg
    >>> x = sg.datasets.load("digits").x_train
    >>> sparse = sg.SparseAutoencoder(64, (), 100, sparsity_cost=3.0, sparsity_target=0.05, weight_decay=1e-4)
    >>> history = sparse.fit(x, epochs=10, progress=False)
    >>> history.penalty[-1] < history.penalty[0]
    True
    """

    def __init__(
        self,
        n_visible: int,
        hidden: tuple[int, ...] = (),
        n_code: int = 20,
        *,
        sparsity: str = "kl",
        sparsity_cost: float | None = None,
        sparsity_target: float | None = None,
        code_activation: str = "sigmoid",
        **options: Any,
    ) -> None:
        self.sparsity = check_choice("sparsity", sparsity, SPARSITIES)
        cost = DEFAULT_COSTS[sparsity] if sparsity_cost is None else sparsity_cost
        self.penalty_cost = check_nonnegative("sparsity_cost", cost)
        self.sparsity_target = _check_target(sparsity, sparsity_target)
        if sparsity == "kl" and code_activation != "sigmoid":
            raise InputError(
                "sparsity='kl' needs a code in (0, 1), hence code_activation='sigmoid', "
                f"got {code_activation!r}: use that, or sparsity='l1'"
            )
        super().__init__(n_visible, hidden, n_code, code_activation=code_activation, **options)
        self.settings |= {
            "sparsity": sparsity,
            "sparsity_cost": self.penalty_cost,
            "sparsity_target": self.sparsity_target,
        }

    def _penalty_forward(self, code: Array, caches: list[DenseCache]) -> tuple[Any, Any]:
        return l1_forward(code) if self.sparsity_target is None else sparsity_forward(code, self.sparsity_target)

    def _encoder_backward_(self, dcode: Array, encoding: Encoding, out: Layers) -> Array:
        return super()._encoder_backward_(self._with_penalty(dcode, encoding), encoding, out)

    def _encoder_backward_params_(self, dcode: Array, encoding: Encoding, out: Layers) -> None:
        super()._encoder_backward_params_(self._with_penalty(dcode, encoding), encoding, out)

    def _with_penalty(self, dcode: Array, encoding: Encoding) -> Array:
        backward = l1_backward if self.sparsity == "l1" else sparsity_backward
        return dcode + backward(self.penalty_cost, encoding.penalty_cache)


def _check_target(sparsity: str, target: float | None) -> float | None:
    """Return the target of "kl", which has a default, or the None of "l1"."""
    if sparsity == "l1":
        if target is not None:
            raise InputError("sparsity_target is for sparsity='kl', l1 has none: leave it out, or use that")
        return None
    target = DEFAULT_TARGET if target is None else target
    if not (is_finite_number(target) and 0 < target < 1):
        raise InputError(f"sparsity_target must be in (0, 1), got {target!r}")
    return float(target)
