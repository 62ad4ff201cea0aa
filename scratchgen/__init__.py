"""Generative models from scratch: gradients by hand and checked, the same numbers on CPU and GPU.

>>> import scratchgen as sg
>>> data = sg.datasets.load("digits")
>>> vae = sg.VAE(n_visible=64, hidden=(32,), n_latent=2, seed=0, backend="numpy")
>>> terms, grads = vae.loss_and_grad(data.x_train[:8], vae.draw_noise(data.x_train[:8]))
>>> bool(terms.loss > 0)
True

Names load on first use, so that ``import scratchgen`` costs no more than Python's own start.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it; no public function bears the name of a submodule
_EXPORTS = {
    "Adam": "optim",
    "Autoencoder": "models.autoencoders.autoencoder",
    "ContractiveAutoencoder": "models.autoencoders.contractive",
    "ConditionalVAE": "models.semi_supervised.conditional_vae",
    "ConvEnergyModel": "models.energy.conv_energy_model",
    "ConvVAE": "models.conv_vae",
    "DenoisingAutoencoder": "models.autoencoders.denoising",
    "Labelled": "labels",
    "LinearGaussianModel": "models.linear",
    "M1": "models.semi_supervised.m1",
    "M1M2": "models.semi_supervised.stacked",
    "M2": "models.semi_supervised.m2",
    "OnDisk": "training.on_disk",
    "PredictionConstrainedVAE": "models.semi_supervised.prediction_constrained",
    "RBM": "models.boltzmann.rbm",
    "SGD": "optim",
    "SparseAutoencoder": "models.autoencoders.sparse",
    "Contrastive": "models.energy.contrastive",
    "EnergyModel": "models.energy.energy_model",
    "Langevin": "models.energy.dynamics",
    "ScoreMatching": "models.energy.score_matching",
    "Stream": "random",
    "VAE": "models.vae",
    "get_backend": "backend",
    "gradcheck": "finite_differences",
    "gradcheck_pair": "finite_differences",
    "hide_labels": "labels",
    "load": "checkpoint",
    "namespace": "backend",
    "taylor_test": "finite_differences",
    "to_numpy": "backend",
    "BackendError": "errors",
    "DataRangeWarning": "errors",
    "FileFormatError": "errors",
    "InputError": "errors",
    "ReproducibilityWarning": "errors",
    "SamplingError": "errors",
    "ScratchgenError": "errors",
    "TemperatureWarning": "errors",
    "TrainingError": "errors",
}
_SUBMODULES = (
    "corruptions",
    "datasets",
    "densities",
    "latent",
    "models",
    "nn",
    "ops",
    "optim",
    "plots",
    "samplers",
    "schedules",
    "training",
    "uses",
)

__all__ = ["__version__", *_EXPORTS, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
