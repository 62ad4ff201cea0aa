"""One small model of each kind, in its variants."""

from __future__ import annotations

import pytest

import scratchgen as sg

SMALL = {"n_visible": 6, "hidden": (5,), "n_code": 3, "activation": "tanh", "dtype": "float64", "seed": 0}
VARIANTS = {
    "plain": (sg.Autoencoder, {}),
    "plain gaussian": (sg.Autoencoder, {"likelihood": "gaussian", "hidden": (), "weight_decay": 0.3}),
    "denoising": (sg.DenoisingAutoencoder, {"corruption": sg.corruptions.Masking(0.4), "activation": "relu"}),
    "sparse kl": (sg.SparseAutoencoder, {"sparsity_cost": 0.7, "weight_decay": 0.3}),
    "sparse l1": (sg.SparseAutoencoder, {"sparsity": "l1", "code_activation": "linear", "likelihood": "gaussian"}),
    "contractive": (sg.ContractiveAutoencoder, {"hidden": (), "contraction_cost": 0.7}),
    "contractive deeper": (sg.ContractiveAutoencoder, {"hidden": (5, 4), "weight_decay": 0.3}),
}


@pytest.fixture(params=VARIANTS)
def build(request):
    """Return a function that makes the model of this variant, with further settings."""
    kind, settings = VARIANTS[request.param]

    def build(backend="numpy", **further):
        return kind(**SMALL | settings | further, backend=backend)

    return build
