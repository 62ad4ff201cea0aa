"""M1 + M2: an M2 whose data are the codes of a VAE (M1) that has been trained before, on all examples without labels.

The VAE stays as it is. Its posterior q(z1|x) = N(mean, diag exp(log_var)) is computed once for the training data, and
each batch sees codes z1 drawn afresh from it; classes are predicted from the mean.

======  ====================  ==========================================
symbol  shape                 meaning
======  ====================  ==========================================
x       (n, vae.n_visible)    examples
z1      (n, vae.n_latent)     codes: what M2 takes for data, `n_visible`
z2      (n, n_latent)         latent variables of M2
======  ====================  ==========================================

References
----------
D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling: "Semi-supervised learning with deep generative models", NeurIPS
2014, section 2.1.3.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from scratchgen.backend import Backend
from scratchgen.errors import FileFormatError, InputError
from scratchgen.labels import Labelled
from scratchgen.models import MODELS
from scratchgen.models.model import State, check_arrays
from scratchgen.models.semi_supervised.m2 import M2
from scratchgen.models.vae import VAE
from scratchgen.ops.gaussian import reparameterise_forward
from scratchgen.random import Stream
from scratchgen.training.mixed import MixedSource
from scratchgen.typing import Array

_OF_THE_CODES = ("n_visible", "likelihood", "image_shape", "channels", "kernel", "binarise")


class M1M2(M2):
    """M2 on the codes of a trained VAE.

    `fit`, `predict`, `predict_proba`, `accuracy`, `encode`, `reconstruct` and `transfer` take examples as the VAE does,
    and `sample`, `decode`, `reconstruct` and `transfer` return them. The loss, `elbo` and `log_likelihood` are those of
    codes.

    Parameters
    ----------
    vae : VAE or ConvVAE
        Trained. It is copied; further training of it changes nothing here.
    n_classes, hidden, n_latent, classification_weight
        As of `M2`.
    sigma : float or "learned"
        Standard deviation of the codes given z2 and the class.
    **options
        Further ones of `M2`: beta, decoder_hidden, activation, output_mean, n_samples, class_prior, seed.
    dtype, backend
        Those of the VAE by default.

    Examples
    --------
    >>> import scratchgen as sg
    >>> data = sg.datasets.load("digits")
    >>> vae = sg.VAE(n_visible=64, hidden=(32,), n_latent=8, seed=0)
    >>> _ = vae.fit(data.x_train, epochs=2, progress=False)
    >>> stacked = sg.M1M2(vae, hidden=(32,), n_latent=5, seed=0)
    >>> y = sg.hide_labels(data.y_train, 100, seed=0)
    >>> history = stacked.fit(data.x_train, y, epochs=2, batch_size=64, progress=False)
    >>> stacked.predict(data.x_test).shape == data.y_test.shape
    True
    """

    def __init__(
        self,
        vae: Any,
        n_classes: int = 10,
        hidden: tuple[int, ...] = (500,),
        n_latent: int = 50,
        *,
        sigma: float | str = "learned",
        dtype: str | None = None,
        backend: str | Backend | None = None,
        **options: Any,
    ) -> None:
        for name in _OF_THE_CODES:
            if name in options:
                raise InputError(f"{name} is not to be chosen where codes of a VAE are the data: leave it out")
        self.vae = _own_vae(vae, dtype, backend)
        own: dict[str, Any] = {
            "likelihood": "gaussian",
            "sigma": sigma,
            "dtype": self.vae.dtype,
            "backend": self.vae.backend,
        }
        super().__init__(self.vae.n_latent, n_classes, hidden, n_latent, **own, **options)
        description = {"model": type(self.vae).__name__, **self.vae.settings}
        self.settings = {"vae": description} | {n: v for n, v in self.settings.items() if n not in _OF_THE_CODES}

    def own_state(self) -> State:
        """Return p(y) and the parameters of the VAE."""
        own = super().own_state()
        return State(own.arrays | {"vae": self.vae.theta}, own.values)

    def restore_own(self, state: State) -> None:
        """Take over p(y) and the parameters of the VAE."""
        check_arrays(state.arrays, self.own_state().arrays)
        theta = self.backend.asarray(state.arrays["vae"], dtype=self.dtype)
        super().restore_own(State({"class_prior": state.arrays["class_prior"]}, state.values))
        self.vae.theta[...] = theta

    # ---------------------------------------------------------------------------------------------------- training

    def training_source(self, x: Any, name: str) -> MixedSource:
        """Return the posteriors of the checked examples, mean and log_var side by side, with their labels."""
        if isinstance(x, MixedSource):
            return x
        data = self.with_labels(x, name, self.vae.check_data)
        return MixedSource(data.with_x(self.backend.xp.concatenate(self.vae.encode(data.x), axis=1)))

    def draw_examples(self, x: Array, stream: Stream) -> Array:
        """Draw codes from the posteriors of a batch, (n, vae.n_latent)."""
        mean, log_var = x[:, : self.n_visible], x[:, self.n_visible :]
        return reparameterise_forward(mean, log_var, stream.normal(mean.shape, self.dtype))[0]

    def adapt_to_data_(self, x: Labelled) -> None:
        """Estimate p(y) where that is asked for, and set the output bias to the mean of the codes."""
        super().adapt_to_data_(self._mean_codes(x))

    def monitor(self, x: Labelled, validation: Labelled | None) -> dict[str, float]:
        """Return the share of right predictions from the mean codes of the labelled examples."""
        return super().monitor(self._mean_codes(x), None if validation is None else self._mean_codes(validation))

    def _mean_codes(self, posteriors: Labelled) -> Labelled:
        return (
            posteriors.with_x(posteriors.x[:, : self.n_visible])
            if posteriors.x.shape[1] > self.n_visible
            else posteriors
        )

    # --------------------------------------------------------------------------------------------------- using it

    def predict_proba(self, x: Any, **options: Any) -> Array:
        """Return q(y|z1) at the mean code z1 of each example, (n, n_classes)."""
        return super().predict_proba(self.vae.encode(x)[0], **options)

    def encode(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Return mean and log_var of q(z2|z1,y) at the mean code z1, each (n, n_latent)."""
        return super().encode(self.vae.encode(x)[0], y)

    def decode(self, z: Any, y: Any) -> Array:
        """Return E[x|z1] at the mean of p(z1|y,z2), for z2 (n, n_latent) and labels (n,) or one label for all."""
        return self.vae.decode(super().decode(z, y))

    def sample(self, n: int, y: Any = None, mean: bool = False, stream: Stream | None = None) -> Array:
        """Draw `n` codes z1, or their means given z2 where `mean` is true, and return E[x|z1], (n, vae.n_visible).

        `y` is a label, or an array of n; without it the classes are drawn from p(y).
        """
        return self.vae.decode(super().sample(n, y, mean, stream))


def _own_vae(vae: Any, dtype: str | None, backend: str | Backend | None) -> VAE:
    """Return a copy of a VAE, or the new one of a description: its class as "model", and its settings."""
    if isinstance(vae, dict):
        settings = {name: value for name, value in vae.items() if name != "model"} | ({"dtype": dtype} if dtype else {})
        if vae.get("model") not in ("VAE", "ConvVAE"):
            raise FileFormatError(f"the codes are those of a VAE or a ConvVAE, got {vae.get('model')!r}")
        cls = getattr(import_module(MODELS[vae["model"]]), vae["model"])
        return cls(**settings, backend=backend or "cpu")
    if not isinstance(vae, VAE):
        raise InputError(f"vae must be a trained VAE, got {type(vae).__name__}")
    if dtype not in (None, vae.dtype):
        raise InputError(f"dtype must be that of the VAE, {vae.dtype}, got {dtype!r}")
    return vae.to(backend or vae.backend)
