"""What the commands say and show of each kind of model: a module a kind, and the table that leads to it.

A new model is an entry here, and a module of `scratchgen.cli` with its options.
"""

from __future__ import annotations

from scratchgen.commands.families import autoencoders, boltzmann, energy, few_labels, linear, vae
from scratchgen.commands.families.family import Family
from scratchgen.errors import InputError
from scratchgen.models.model import Model

FAMILIES = {  # by the name of the class
    "VAE": vae.FAMILY,
    "ConvVAE": vae.FAMILY,
    "LinearGaussianModel": linear.FAMILY,
    "RBM": boltzmann.FAMILY,
    "EnergyModel": energy.FAMILY,
    "ConvEnergyModel": energy.FAMILY,
    "Autoencoder": autoencoders.FAMILY,
    "DenoisingAutoencoder": autoencoders.DENOISING,
    "SparseAutoencoder": autoencoders.SPARSE,
    "ContractiveAutoencoder": autoencoders.CONTRACTIVE,
    "ConditionalVAE": few_labels.CONDITIONAL,
    "M1": few_labels.M1_FAMILY,
    "M2": few_labels.M2_FAMILY,
    "M1M2": few_labels.STACKED,
    "PredictionConstrainedVAE": few_labels.CONSTRAINED,
}


def family_of(model: Model) -> Family:
    """Return what the commands need to know about a model like this one.

    Raises
    ------
    InputError
        They know nothing of its kind.
    """
    name = type(model).__name__
    if name not in FAMILIES:
        raise InputError(f"the commands know {', '.join(FAMILIES)}, not {name}: load such a file in Python, by sg.load")
    return FAMILIES[name]
