"""The models as scikit-learn estimators, for its pipelines and searches; only these modules import scikit-learn."""

from scratchgen.sklearn.autoencoder_transformer import AutoencoderTransformer
from scratchgen.sklearn.bernoulli_rbm import BernoulliRBM
from scratchgen.sklearn.vae_transformer import VAETransformer

__all__ = ["AutoencoderTransformer", "BernoulliRBM", "VAETransformer"]
