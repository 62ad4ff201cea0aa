"""The table of models, each in all its variants: a new model, or a new option of one, is one more entry.

The loss is differentiated by all parameters *and* by the data. All parameters are random, biases and log sigma too: at
its initial zero a wrong power of sigma would not show.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import Backend
from scratchgen.check.piece import Piece
from scratchgen.corruptions import GaussianNoise, IndependentMasking, Masking, SaltAndPepper
from scratchgen.finite_differences import GradcheckReport, gradcheck
from scratchgen.finite_differences.trees import flattened
from scratchgen.kernels.bias_activation import ACTIVATIONS
from scratchgen.labels import Labelled
from scratchgen.models.autoencoders.autoencoder import Autoencoder
from scratchgen.models.autoencoders.contractive import ContractiveAutoencoder
from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder
from scratchgen.models.autoencoders.sparse import SparseAutoencoder
from scratchgen.models.boltzmann.rbm import RBM
from scratchgen.models.conv_vae import ConvVAE
from scratchgen.models.energy.contrastive import Contrastive
from scratchgen.models.energy.conv_energy_model import ConvEnergyModel
from scratchgen.models.energy.dynamics import Langevin
from scratchgen.models.energy.energy_model import EnergyModel
from scratchgen.models.energy.score_matching import ScoreMatching
from scratchgen.models.linear import LinearGaussianModel
from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE
from scratchgen.models.semi_supervised.labelled_model import LabelledModel
from scratchgen.models.semi_supervised.m2 import M2
from scratchgen.models.semi_supervised.prediction_constrained import PredictionConstrainedVAE
from scratchgen.models.semi_supervised.stacked import M1M2
from scratchgen.models.vae import VAE
from scratchgen.nn.input_gradient import SMOOTH_ACTIVATIONS
from scratchgen.random import Stream
from scratchgen.schedules import LinearWarmup

_N, _VISIBLE = 3, 5
_SCALE = 0.7  # of the parameters of a model: where tanh saturates, gradients are too small to be told from rounding
_LABELLED_SHARE = 0.3  # of the data that a labelled batch stands for: not its own


class _Entry(NamedTuple):
    model: Any  # the class
    variant: str
    settings: dict[str, Any]
    step: int = 0
    labels: tuple[int, ...] = (1, 0, -1)  # of the batch, for a model that takes them


_VAE = {"n_visible": _VISIBLE, "hidden": (5,), "n_latent": 2}
_GAUSSIAN = _VAE | {"likelihood": "gaussian", "sigma": 0.4}
_CONV_VAE = {"image_shape": (5, 3), "channels": (2, 2), "n_dense": 3, "n_latent": 2, "activation": "tanh"}
_COLOUR = _CONV_VAE | {"image_shape": (3, 3, 2), "channels": (3,), "kernel": 2, "likelihood": "gaussian"}
_CLASSES = {"n_visible": _VISIBLE, "n_classes": 3, "hidden": (4,), "n_latent": 2}
_CLASS_IMAGES = _CLASSES | {"n_visible": 9, "hidden": (3,), "image_shape": (3, 3), "channels": (2,), "kernel": 2}
_CODES = {"vae": {"model": "VAE", **_VAE, "n_latent": 3}, "n_classes": 3, "hidden": (4,), "n_latent": 2}
_LEARNED = {"likelihood": "gaussian", "sigma": "learned"}
_KNOWN, _MIXED = (1, 0, 2), (-1, 2, 0, -1)
_RBM = {"n_visible": _VISIBLE, "n_hidden": _VISIBLE}
_AUTOENCODER = {"n_visible": _VISIBLE, "hidden": (4,), "n_code": 3, "activation": "tanh"}
_LINEAR = _AUTOENCODER | {"hidden": (), "likelihood": "gaussian"}
_DEEPER = _AUTOENCODER | {"hidden": (5, 4), "decoder_hidden": (4,)}
_DECAY = {"weight_decay": 0.3}
_SPARSE = {"sparsity_cost": 0.7, "sparsity_target": 0.2}
_L1 = {"sparsity": "l1", "sparsity_cost": 0.7}
_CONTRACTION = {"contraction_cost": 0.7}
_SOFT = {"activation": "softplus", "code_activation": "swish"}
_PIECEWISE = {"activation": "relu", "code_activation": "linear"}
_PENALTIES = {"weight_decay": 0.3, "sparsity_cost": 0.7, "sparsity_target": 0.2}
_ENERGY: dict[str, Any] = {"n_visible": _VISIBLE, "hidden": (_VISIBLE, _VISIBLE), "dynamics": Langevin(n_steps=2)}
_CONV_ENERGY: dict[str, Any] = {
    "image_shape": (5, 3),
    "channels": (2, 2),
    "n_dense": 3,
    "first_kernel": 4,
    "dynamics": Langevin(n_steps=2),
}
_COLOUR_ENERGY = _CONV_ENERGY | {"image_shape": (3, 3, 2), "channels": (3,), "first_kernel": 2}
_DATA_AGAINST_SAMPLES = {"loss": Contrastive(regularisation=0.3, buffer_size=4)}
_SLOPES = {"loss": ScoreMatching(sigma=0.4)}
_PREDICTION: dict[str, Any] = _VAE | {"n_classes": 3, "prediction_weight": 1.7}
_CONSISTENT = _PREDICTION | {"consistency_weight": 0.7, "aggregate_weight": 0.4}
_CONSISTENT_IMAGES = _CONSISTENT | {"hidden": (3,), "image_shape": (5, 1), "channels": (2,), "activation": "tanh"}

_MODELS = (
    _Entry(VAE, "bernoulli", _VAE),
    _Entry(VAE, "bernoulli L=3", _VAE | {"n_samples": 3}),
    _Entry(VAE, "beta=4", _VAE | {"beta": 4.0, "activation": "softplus"}),
    _Entry(VAE, "beta warm-up", _VAE | {"beta": LinearWarmup(10), "activation": "tanh"}, step=3),
    _Entry(VAE, "deeper encoder", _VAE | {"hidden": (5, 4), "decoder_hidden": (3,), "activation": "swish"}),
    _Entry(VAE, "deeper decoder", _VAE | {"hidden": (3,), "decoder_hidden": (4, 5), "activation": "sigmoid"}),
    _Entry(VAE, "no hidden layer", _VAE | {"hidden": ()}),
    _Entry(VAE, "gaussian", _GAUSSIAN),
    _Entry(VAE, "gaussian tanh", _GAUSSIAN | {"output_mean": "tanh"}),
    _Entry(VAE, "gaussian sigmoid", _GAUSSIAN | {"output_mean": "sigmoid"}),
    _Entry(VAE, "learned sigma", _GAUSSIAN | {"sigma": "learned"}),
    _Entry(VAE, "learned sigma L=3 beta=0.5", _GAUSSIAN | {"sigma": "learned", "n_samples": 3, "beta": 0.5}),
    _Entry(ConvVAE, "bernoulli", _CONV_VAE),
    _Entry(ConvVAE, "relu L=2", _CONV_VAE | {"activation": "relu", "n_samples": 2}),
    _Entry(ConvVAE, "iwae k=3", _CONV_VAE | {"objective": "iwae", "n_samples": 3}),
    _Entry(ConvVAE, "colour tanh", _COLOUR | {"output_mean": "tanh", "sigma": 0.4}),
    _Entry(ConvVAE, "colour learned sigma", _COLOUR | {"activation": "swish", "sigma": "learned"}),
    _Entry(Autoencoder, "bernoulli", _AUTOENCODER),
    _Entry(Autoencoder, "linear", _LINEAR),
    _Entry(Autoencoder, "gaussian tanh", _AUTOENCODER | {"likelihood": "gaussian", "output_mean": "tanh"}),
    _Entry(Autoencoder, "deeper weight decay", _DEEPER | _DECAY | {"code_activation": "softplus"}),
    _Entry(DenoisingAutoencoder, "masking", _AUTOENCODER | {"corruption": Masking(0.4)}),
    _Entry(DenoisingAutoencoder, "independent", _LINEAR | {"corruption": IndependentMasking(0.4)}),
    _Entry(DenoisingAutoencoder, "gaussian noise", _LINEAR | {"corruption": GaussianNoise(0.4)}),
    _Entry(DenoisingAutoencoder, "salt and pepper", _DEEPER | _DECAY | {"corruption": SaltAndPepper(0.4)}),
    _Entry(SparseAutoencoder, "kl", _AUTOENCODER | _SPARSE),
    _Entry(SparseAutoencoder, "kl deeper decay", _DEEPER | _SPARSE | _DECAY),
    _Entry(SparseAutoencoder, "l1", _AUTOENCODER | _L1),
    _Entry(SparseAutoencoder, "l1 linear decay", _LINEAR | _L1 | _DECAY | {"code_activation": "linear"}),
    *(_Entry(ContractiveAutoencoder, f, _LINEAR | _CONTRACTION | {"code_activation": f}) for f in ACTIVATIONS),
    _Entry(ContractiveAutoencoder, "two layers", _AUTOENCODER | _CONTRACTION),
    _Entry(ContractiveAutoencoder, "three layers", _DEEPER | _CONTRACTION | _DECAY),
    _Entry(ContractiveAutoencoder, "softplus swish", _DEEPER | _CONTRACTION | _SOFT),
    _Entry(ContractiveAutoencoder, "relu linear", _DEEPER | _CONTRACTION | _PIECEWISE),
    _Entry(VAE, "iwae k=3", _VAE | {"objective": "iwae", "n_samples": 3}),
    _Entry(VAE, "iwae k=1", _VAE | {"objective": "iwae"}),
    _Entry(VAE, "iwae learned sigma k=4", _GAUSSIAN | {"objective": "iwae", "sigma": "learned", "n_samples": 4}),
    _Entry(ConditionalVAE, "bernoulli", _CLASSES, labels=_KNOWN),
    _Entry(ConditionalVAE, "L=2 beta=0.5", _CLASSES | {"n_samples": 2, "beta": 0.5}, labels=_KNOWN),
    _Entry(ConditionalVAE, "deeper learned sigma", _CLASSES | _LEARNED | {"hidden": (4, 3)}, labels=_KNOWN),
    _Entry(ConditionalVAE, "images", _CLASS_IMAGES, labels=_KNOWN),
    _Entry(M2, "mixed", _CLASSES, labels=_MIXED),
    _Entry(M2, "labelled", _CLASSES | {"classification_weight": 0.7}, labels=_KNOWN),
    _Entry(M2, "unlabelled", _CLASSES, labels=(-1, -1)),
    _Entry(M2, "estimated prior", _CLASSES | {"n_classes": 2, "class_prior": "estimated"}, labels=(1, 0, -1, 1)),
    _Entry(M2, "L=2 beta warm-up", _CLASSES | {"n_samples": 2, "beta": LinearWarmup(10)}, 3, _MIXED),
    _Entry(M2, "deeper learned sigma", _CLASSES | _LEARNED | {"hidden": (4, 3)}, labels=_MIXED),
    _Entry(M2, "images", _CLASS_IMAGES, labels=_MIXED),
    _Entry(M1M2, "mixed", _CODES, labels=_MIXED),
    _Entry(LinearGaussianModel, "exact", {"n_visible": _VISIBLE, "n_latent": 2}),
    _Entry(LinearGaussianModel, "more latent variables", {"n_visible": _VISIBLE, "n_latent": _VISIBLE + 2}),
    _Entry(RBM, "bernoulli", _RBM),
    _Entry(RBM, "bernoulli penalties", _RBM | _PENALTIES),
    _Entry(RBM, "gaussian", _RBM | {"visible": "gaussian", "sigma": 0.4}),
    _Entry(RBM, "learned sigma", _RBM | {"visible": "gaussian", "sigma": "learned"}),
    _Entry(RBM, "learned sigma penalties", _RBM | {"visible": "gaussian", "sigma": "learned"} | _PENALTIES),
    _Entry(PredictionConstrainedVAE, "linear", _PREDICTION),
    _Entry(PredictionConstrainedVAE, "hidden layer L=3", _PREDICTION | {"classifier_hidden": (4,), "n_samples": 3}),
    _Entry(PredictionConstrainedVAE, "weight warm-up", _PREDICTION | {"prediction_weight": LinearWarmup(10)}, step=3),
    _Entry(PredictionConstrainedVAE, "aggregate", _PREDICTION | {"aggregate_weight": 0.4}),
    _Entry(PredictionConstrainedVAE, "consistent", _CONSISTENT),
    _Entry(PredictionConstrainedVAE, "consistent L=3 beta=0.5", _CONSISTENT | {"n_samples": 3, "beta": 0.5}),
    _Entry(PredictionConstrainedVAE, "consistent images", _CONSISTENT_IMAGES),
    _Entry(
        PredictionConstrainedVAE,
        "consistent sigma tanh",
        _CONSISTENT | {"likelihood": "gaussian", "sigma": "learned", "output_mean": "tanh"},
    ),
    *(
        _Entry(EnergyModel, f"{name} {activation}", _ENERGY | loss | {"activation": activation})
        for name, loss in (("contrastive", _DATA_AGAINST_SAMPLES), ("score matching", _SLOPES))
        for activation in SMOOTH_ACTIVATIONS
    ),
    _Entry(ConvEnergyModel, "contrastive", _CONV_ENERGY | _DATA_AGAINST_SAMPLES),
    _Entry(ConvEnergyModel, "contrastive colour", _COLOUR_ENERGY | _DATA_AGAINST_SAMPLES),
    *(
        _Entry(ConvEnergyModel, f"score matching {f}", _CONV_ENERGY | _SLOPES | {"activation": f})
        for f in ("swish", "tanh")
    ),
    _Entry(ConvEnergyModel, "score matching colour", _COLOUR_ENERGY | _SLOPES),
)
_ENERGIES = (  # of which the gradient with respect to the input is checked by itself
    *(_Entry(EnergyModel, f"grad_x {f}", _ENERGY | {"activation": f}) for f in SMOOTH_ACTIVATIONS),
    _Entry(ConvEnergyModel, "grad_x", _CONV_ENERGY),
    _Entry(ConvEnergyModel, "grad_x colour", _COLOUR_ENERGY),
)


def model_pieces(backend: Backend) -> list[Piece]:
    """Return the pieces in `scratchgen.models`, on `backend`."""
    pieces = []
    for check, entries in ((_check_model, _MODELS), (_check_energy, _ENERGIES)):
        for entry in entries:
            name = f"{entry.model.__name__} {entry.variant}"
            pieces.append(Piece(name, partial(check, name, entry, backend)))
    return pieces


def _check_model(name: str, entry: _Entry, backend: Backend) -> GradcheckReport:
    model = entry.model(**entry.settings, seed=0, dtype="float64", backend=backend)
    model.step = entry.step
    stream = Stream(1, backend)
    model.theta[...] = _SCALE * stream.normal(model.theta.size, "float64")
    x = stream.uniform((len(entry.labels), model.n_visible), "float64")
    batch: Any = x
    if isinstance(model, LabelledModel):
        batch = Labelled(x, backend.asarray(entry.labels), labelled_share=_LABELLED_SHARE)
        x = batch.x
        if entry.settings.get("class_prior") == "estimated":
            model.adapt_to_data_(batch)
    noise = model.draw_noise(batch, stream)

    gradient, grads = model.empty_grads()
    model.loss_and_grad(batch, noise, out=grads)
    gradient_x = model.loss_grad_x(batch, noise)
    n_parameters = model.theta.size

    def loss(theta_and_x: np.ndarray) -> float:
        theta, data = np.split(theta_and_x, [n_parameters])
        model.theta[...] = backend.asarray(theta)
        examples = backend.asarray(data.reshape(x.shape))
        return float(
            model.evaluate_terms(batch.with_x(examples) if isinstance(batch, Labelled) else examples, noise).loss
        )

    return gradcheck(
        loss,
        flattened((model.theta, x)),
        flattened((gradient, gradient_x)),
        blocks={"params": model.params, "x": x},
        name=name,
    )


def _check_energy(name: str, entry: _Entry, backend: Backend) -> GradcheckReport:
    """Check the gradient of the energy itself with respect to its input, which chains follow."""
    model = entry.model(**entry.settings, dtype="float64", backend=backend)
    stream = Stream(1, backend)
    model.theta[...] = stream.normal(model.theta.size, "float64")
    x = stream.normal((_N, model.n_visible), "float64")
    return gradcheck(
        lambda point: float(model.energy(point.reshape(x.shape)).sum()),
        flattened((x,)),
        flattened((model.grad_x(x),)),
        blocks={"x": x},
        name=name,
    )
