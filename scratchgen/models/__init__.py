"""Models: parameters, and a loss with its gradient by hand."""

# class name, as a weights file has it -> module
MODELS = {
    "EnergyModel": "scratchgen.models.energy.energy_model",
    "RBM": "scratchgen.models.boltzmann.rbm",
    "VAE": "scratchgen.models.vae",
}
