r"""The denoising autoencoder: the encoder sees a corrupted example, and the decoder is to give the clean one.

.. math:: J = \frac1n \sum_i -\log p\big(x_i \,|\, \text{encoder}(\tilde x_i)\big) + \text{weight decay}

With little Gaussian noise of variance s^2 and squared error, the best reconstruction r satisfies
``(r(x) - x) / s^2 -> grad log p(x)``: the vector field r(x) - x, which `scratchgen.plots.reconstruction_field` draws,
points to where the data are.

References
----------
P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol: "Extracting and composing robust features with denoising
autoencoders", ICML 2008.
G. Alain, Y. Bengio: "What regularized auto-encoders learn from the data-generating distribution", Journal of Machine
Learning Research 15, 2014 (the vector field).
"""

from __future__ import annotations

from typing import Any

from scratchgen.corruptions import CORRUPTIONS, Corruption, Masking, check_corruption
from scratchgen.errors import BackendError, InputError
from scratchgen.models.autoencoders.autoencoder import Autoencoder
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_matrix

_DEFAULT_CORRUPTION = Masking(0.25)


class DenoisingAutoencoder(Autoencoder):
    """Autoencoder that learns to undo a corruption.

    Parameters
    ----------
    n_visible, hidden, n_code, **options
        As of `Autoencoder`. The code may be wider than the data: a copy does not undo a corruption.
    corruption : a corruption, or a function (x, stream) -> corrupted
        One of `scratchgen.corruptions`, by default ``Masking(0.25)``, or yours: it takes a copy of the batch
        (n, n_visible) and a `Stream` to draw from. A checkpoint cannot hold a function of yours.

    Notes
    -----
    `draw_noise` gives the corrupted batch, so that the loss is a function of data and noise. To `loss_grad_x` it is a
    constant: the data enter as what the decoder is asked to reproduce, and nowhere else. Nothing is corrupted in
    `encode`, `reconstruct` and `reconstruction_error`. The first two take any finite data, for corrupted ones may lie
    outside of [0, 1].

    Examples
    --------
    >>> import scratchgen as sg
    >>> x = sg.datasets.load("digits").x_train
    >>> denoiser = sg.DenoisingAutoencoder(64, (32,), 16, corruption=sg.corruptions.SaltAndPepper(0.2))
    >>> history = denoiser.fit(x, epochs=2, progress=False)
    >>> corrupted = denoiser.draw_noise(x[:5])
    >>> denoiser.reconstruct(corrupted).shape
    (5, 64)
    """

    def __init__(
        self,
        n_visible: int,
        hidden: tuple[int, ...] = (400,),
        n_code: int = 20,
        *,
        corruption: Corruption = _DEFAULT_CORRUPTION,
        **options: Any,
    ) -> None:
        self.corruption = check_corruption(corruption)
        super().__init__(n_visible, hidden, n_code, **options)
        self.settings["corruption"] = corruption

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """Return (n, n_visible)."""
        return (x.shape[0], self.n_visible)

    def draw_noise(self, x: Any, stream: Stream | None = None) -> Array:
        """Return a corrupted copy of the batch `x`.

        Raises
        ------
        InputError
            `x` is not data of this model, or a corruption of yours does not return finite real numbers of its shape.
        """
        return super().draw_noise(x, stream)

    def draw_batch_noise(self, x: Array, stream: Stream) -> Array:
        """Return a corrupted copy of a batch whose data have been checked."""
        if type(self.corruption) in CORRUPTIONS:
            return self.backend.asarray(self.corruption(x, stream), dtype=self.dtype)
        corrupted = self.corruption(x.copy(), stream)  # the batch may be the user's own array, and it is the target
        if getattr(corrupted, "shape", None) != x.shape:
            raise InputError(
                f"corruption must return an array of the shape of the batch, {x.shape}, got "
                f"{getattr(corrupted, 'shape', corrupted)!r}"
            )
        return self._check_seen(corrupted, "what corruption returned")

    def captured_values(self) -> tuple[Any, ...]:
        """Return none."""
        if type(self.corruption) not in CORRUPTIONS:
            raise BackendError(
                "its corruption, which is none of scratchgen.corruptions, may wait or choose on the host"
            )
        return super().captured_values()

    def _check_noise(self, x: Array, noise: Any) -> Array:
        return self._check_seen(super()._check_noise(x, noise), "noise")

    def _check_seen(self, x: Any, name: str) -> Array:
        """Return data as the encoder takes them: a corruption may lead out of the [0, 1] of a Bernoulli likelihood."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype)

    def _seen(self, x: Array, noise: Array) -> Array:
        return noise

    def encode(self, x: Any) -> Array:
        """Return the code of each example, clean or corrupted, (n, n_code)."""
        return self._encode(self._check_seen(x, "x"))[0]

    def loss_grad_x(self, x: Any, noise: Any) -> Array:
        """Return the gradient of ``terms.loss`` by the clean data, (n, n_visible), for this corrupted batch."""
        x = self.check_data(x)
        output = self._decode(self._encode(self._check_noise(x, noise))[0])[0]
        return self._target_grad_x(output, x)
