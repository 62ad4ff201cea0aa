"""The energy-based model of images: all but the energy itself is that of `scratchgen.models.energy.energy_model`.

References
----------
D. Foster: "Generative deep learning", 2nd edition, O'Reilly 2023, chapter 7 (the network, with these defaults).
"""

from __future__ import annotations

import math
from typing import Any

from scratchgen.backend import Backend
from scratchgen.models.energy.conv_network import ConvEnergy
from scratchgen.models.energy.energy_model import EnergyModel
from scratchgen.models.energy.network import EnergyNetwork
from scratchgen.validation import check_channels, check_count, check_image_shape, check_options

_OF_DENSE_NETWORKS = ("n_visible", "hidden")
_NETWORK = "its network follows from image_shape, channels, n_dense, first_kernel and kernel"


class ConvEnergyModel(EnergyModel):
    """Energy-based model for images, with convolutions in its energy.

    Each convolution halves the image; a dense layer and a linear output follow, as in
    `scratchgen.models.energy.conv_network`.

    Parameters
    ----------
    image_shape : (h, w) or (h, w, c)
        Shape of an image, such as ``data.image_shape``. Data are rows of h w c numbers in this order.
    channels : tuple of int
        Maps after each convolution; one integer stands for one convolution.
    n_dense : int
        Width of the dense layer.
    first_kernel, kernel : int
        Height and width of the kernels of the first convolution, and of the others.
    **options
        As of `EnergyModel`: activation, input_scale, loss, dynamics, box, max_norm, max_value, seed, dtype, backend.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> loss, dynamics = sg.Contrastive(buffer_size=200), sg.Langevin(n_steps=5, step_size=1e-3)
    >>> model = sg.ConvEnergyModel(data.image_shape, (4, 8), n_dense=8, loss=loss, dynamics=dynamics, box=(0, 1))
    >>> history = model.fit(data.x_train, epochs=1, batch_size=100, progress=False)
    >>> model.energy(data.x_test[:3]).shape, model.sample(2, n_steps=10).shape
    ((3,), (2, 64))
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        channels: tuple[int, ...] = (16, 32, 64, 64),
        n_dense: int = 64,
        *,
        first_kernel: int = 5,
        kernel: int = 3,
        **options: Any,
    ) -> None:
        check_options("ConvEnergyModel", options, EnergyModel, _OF_DENSE_NETWORKS, _NETWORK)
        self.image_shape = check_image_shape(image_shape)
        self.channels = check_channels(channels, self.image_shape)
        self.n_dense = check_count("n_dense", n_dense)
        self.first_kernel = check_count("first_kernel", first_kernel)
        self.kernel = check_count("kernel", kernel)
        super().__init__(math.prod(self.image_shape), (self.n_dense,), **options)
        network = {
            "image_shape": self.image_shape,
            "channels": self.channels,
            "n_dense": self.n_dense,
            "first_kernel": self.first_kernel,
            "kernel": self.kernel,
        }
        self.settings = network | {n: v for n, v in self.settings.items() if n not in _OF_DENSE_NETWORKS}

    def _network(self, backend: Backend) -> EnergyNetwork:
        height, width, n_channels = (*self.image_shape, 1)[:3]  # a grey image has one channel
        return ConvEnergy(
            (height, width, n_channels),
            self.channels,
            self.n_dense,
            self.first_kernel,
            self.kernel,
            self.activation,
            self.input_scale,
            backend,
        )
