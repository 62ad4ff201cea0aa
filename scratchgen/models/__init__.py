"""Models: parameters, and a loss with its gradient by hand."""

# class name, as a weights file has it -> module
MODELS = {
    "VAE": "scratchgen.models.vae",
    "ConvVAE": "scratchgen.models.conv_vae",
    "RBM": "scratchgen.models.boltzmann.rbm",
    "Autoencoder": "scratchgen.models.autoencoders.autoencoder",
    "DenoisingAutoencoder": "scratchgen.models.autoencoders.denoising",
    "SparseAutoencoder": "scratchgen.models.autoencoders.sparse",
    "ContractiveAutoencoder": "scratchgen.models.autoencoders.contractive",
    "LinearGaussianModel": "scratchgen.models.linear",
    "ConditionalVAE": "scratchgen.models.semi_supervised.conditional_vae",
    "M1": "scratchgen.models.semi_supervised.m1",
    "M2": "scratchgen.models.semi_supervised.m2",
    "M1M2": "scratchgen.models.semi_supervised.stacked",
    "PredictionConstrainedVAE": "scratchgen.models.semi_supervised.prediction_constrained",
    "EnergyModel": "scratchgen.models.energy.energy_model",
    "ConvEnergyModel": "scratchgen.models.energy.conv_energy_model",
}
