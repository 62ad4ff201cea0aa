"""Models: parameters, and a loss with its gradient by hand."""

# class name, as a weights file has it -> module
MODELS = {"VAE": "scratchgen.models.vae", "RBM": "scratchgen.models.boltzmann.rbm"}
