"""An encoder that sees an example together with its class, for all classes of an example where its own is unknown.

    x -> trunk -> f(h W + V_class + b) -> further dense layers

The trunk does not see the class and runs once for an example; what comes after it runs for each of its classes. See
`scratchgen.ops.class_rows` for the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchgen.backend import Backend
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.networks import DenseNetwork, Network
from scratchgen.nn.parameters import Shape
from scratchgen.ops.class_rows import (
    ClassDenseCache,
    ClassDenseParams,
    class_dense_backward_,
    class_dense_backward_params_,
    class_dense_forward,
)
from scratchgen.random import Stream
from scratchgen.typing import Array, Float

ClassLayers = tuple[Any, ...]  # those of the trunk, one `ClassDenseParams`, those of the dense layers behind it


class ClassEncoderCache(NamedTuple):
    """What a backward pass needs of the three parts."""

    trunk: Any
    joint: ClassDenseCache
    rest: Any


@dataclass(frozen=True)
class ClassEncoder:
    """A network of examples and classes.

    Attributes
    ----------
    trunk : Network
        What comes before the class; a `DenseNetwork` without layers is the data themselves.
    n_classes : int
    widths : tuple of int
        Of the layer that sees the class, and of those behind it; at least one.
    activation : str
        Of these layers.
    """

    trunk: Network
    n_classes: int
    widths: tuple[int, ...]
    activation: str

    def __str__(self) -> str:
        return f"{self.trunk}+{self.n_classes}-{'-'.join(map(str, self.widths))}"

    @property
    def n_outputs(self) -> int:
        """Return the width of the last layer."""
        return self.widths[-1]

    @property
    def _rest(self) -> DenseNetwork:
        return DenseNetwork(self.widths, (self.activation,) * (len(self.widths) - 1))

    def _parts(self, layers: ClassLayers) -> tuple[ClassLayers, ClassDenseParams, ClassLayers]:
        joint = len(layers) - len(self.widths)
        return layers[:joint], layers[joint], layers[joint + 1 :]

    def layout(self) -> ClassLayers:
        """Return the layout of the parameters, layers in the order in which data meet them."""
        n_in, n_out = self.trunk.n_outputs, self.widths[0]
        joint = ClassDenseParams(Shape((n_in, n_out)), Shape((self.n_classes, n_out)), Shape((n_out,)))
        return *self.trunk.layout(), joint, *self._rest.layout()

    def initialise_(self, layers: ClassLayers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros."""
        trunk, joint, rest = self._parts(layers)
        self.trunk.initialise_(trunk, stream)
        glorot_uniform_(joint.W, stream)
        glorot_uniform_(joint.V, stream)
        joint.b[...] = 0
        self._rest.initialise_(rest, stream)

    def forward(
        self,
        layers: ClassLayers,
        x: Float[Array, "n inputs"],
        target: Float[Array, "rows classes"],
        n_labelled: int,
        backend: Backend,
    ) -> tuple[Float[Array, "rows outputs"], ClassEncoderCache]:
        """Return the output of each row and what a backward pass needs."""
        trunk, joint, rest = self._parts(layers)
        h, trunk_cache = self.trunk.forward(trunk, x, backend)
        h, joint_cache = class_dense_forward(joint, h, target, n_labelled, self.activation, backend)
        h, rest_cache = self._rest.forward(rest, h, backend)
        return h, ClassEncoderCache(trunk_cache, joint_cache, rest_cache)

    def backward_(self, dy: Array, cache: ClassEncoderCache, out: ClassLayers, backend: Backend) -> Array:
        """Return dx; `out` receives the gradient of the parameters. The storage of `dy` is used up."""
        trunk, joint, rest = self._parts(out)
        drows = self._rest.backward_(dy, cache.rest, rest, backend)
        dh, _ = class_dense_backward_(drows, cache.joint, joint, backend)
        return self.trunk.backward_(dh, cache.trunk, trunk, backend)

    def backward_params_(self, dy: Array, cache: ClassEncoderCache, out: ClassLayers, backend: Backend) -> None:
        """Do the same without the work for dx."""
        trunk, joint, rest = self._parts(out)
        drows = self._rest.backward_(dy, cache.rest, rest, backend)
        if not trunk:
            class_dense_backward_params_(drows, cache.joint, joint, backend)
            return
        dh, _ = class_dense_backward_(drows, cache.joint, joint, backend)
        self.trunk.backward_params_(dh, cache.trunk, trunk, backend)
