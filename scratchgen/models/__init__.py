"""Models: parameters, and a loss with its gradient by hand."""

MODELS = {"VAE": "scratchgen.models.vae"}  # class name, as a weights file has it -> module
