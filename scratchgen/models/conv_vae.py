"""The variational autoencoder with convolutional networks: all but the networks is that of `scratchgen.models.vae`.

References
----------
F. Chollet: "Variational AutoEncoder", keras.io, code examples (the networks, with these defaults).
"""

from __future__ import annotations

import math
from typing import Any

from scratchgen.models.likelihood import warn_of_range
from scratchgen.models.vae import VAE
from scratchgen.nn.image_networks import ImageDecoder, ImageEncoder
from scratchgen.nn.networks import Network
from scratchgen.typing import Array
from scratchgen.validation import check_channels, check_count, check_image_shape, check_options

_OF_DENSE_NETWORKS = ("n_visible", "hidden", "decoder_hidden")
_NETWORKS = "its networks follow from image_shape, channels, n_dense, n_latent and kernel"


class ConvVAE(VAE):
    """Variational autoencoder for images, with convolutions in the encoder and transposed ones in the decoder.

    The encoder halves the image with each convolution, as often as `channels` is long, and ends in a dense layer; the
    decoder goes the same way back (`scratchgen.nn.image_networks`).

    Parameters
    ----------
    image_shape : (h, w) or (h, w, c)
        Shape of an image, such as ``data.image_shape``. Data are rows of h w c numbers in this order.
    channels : tuple of int
        Maps after each convolution of the encoder: at most so many that the last of them halves more than one pixel.
        One integer stands for one convolution.
    n_dense : int
        Width of the encoder's dense layer.
    n_latent : int
    kernel : int
        Height and width of all kernels.
    **options
        As of `VAE`: likelihood, beta, activation, output_mean, sigma, n_samples, seed, dtype, backend.

    Notes
    -----
    The default width of the dense layer is that of the Keras example, and narrow: most of its ReLUs die early. Where
    the posterior means lie near a line, take another seed or a wider layer. On MNIST 128 units reached a lower test
    loss after 3 epochs (157 nats) than 16 after 6 (160), and ``scratchgen train conv-vae`` takes them. On colour images
    of 32 pixels the defaults learn nothing: all ReLUs of the dense layer die. See that command for what does.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> vae = sg.ConvVAE(data.image_shape, channels=(8, 16), n_latent=2, seed=0)
    >>> history = vae.fit(data.x_train, epochs=2, batch_size=64, progress=False)
    >>> history.loss[1] < history.loss[0]
    True
    >>> vae.sample(3).shape
    (3, 64)
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        channels: tuple[int, ...] = (32, 64),
        n_dense: int = 16,
        n_latent: int = 2,
        *,
        kernel: int = 3,
        **options: Any,
    ) -> None:
        check_options("ConvVAE", options, VAE, _OF_DENSE_NETWORKS, _NETWORKS)
        self.image_shape = check_image_shape(image_shape)
        self.channels = check_channels(channels, self.image_shape)
        self.n_dense = check_count("n_dense", n_dense)
        self.kernel = check_count("kernel", kernel)
        super().__init__(math.prod(self.image_shape), (self.n_dense,), n_latent, decoder_hidden=(), **options)
        networks = {
            "image_shape": self.image_shape,
            "channels": self.channels,
            "n_dense": self.n_dense,
            "kernel": self.kernel,
        }
        self.settings = networks | {n: v for n, v in self.settings.items() if n not in _OF_DENSE_NETWORKS}

    def _networks(self) -> tuple[Network, Network]:
        height, width, n_channels = (*self.image_shape, 1)[:3]  # a grey image has one channel
        shape = (height, width, n_channels)
        encoder = ImageEncoder(shape, self.channels, self.n_dense, self.kernel, self.activation)
        return encoder, ImageDecoder(
            self.n_latent, shape, self.channels, self.kernel, self.activation, self._output_activation
        )

    def adapt_to_data_(self, x: Array) -> None:
        """Leave the output bias at zero: shared by all pixels, it cannot hold their means. Warn as `VAE` does.

        Nor is it better to start at the mean of them all. The reconstruction term then has little to gain at first, the
        KL divergence rules, and it kills the ReLUs of a narrow dense layer: on MNIST 1 or 2 of 16 were alive after 100
        steps, against 4 to 7 from a bias of zero, and with one alive the posterior means lie on a line.
        """
        warn_of_range(self.p_x_given_z, x)
