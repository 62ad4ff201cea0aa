"""Models: parameters, and a loss with its gradient by hand."""

# class name, as a weights file has it -> module
MODELS = {
    "LinearGaussianModel": "scratchgen.models.linear",
    "RBM": "scratchgen.models.boltzmann.rbm",
    "VAE": "scratchgen.models.vae",
}
