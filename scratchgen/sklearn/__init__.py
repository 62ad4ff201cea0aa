"""The models as scikit-learn estimators, for its pipelines and searches; only these modules import scikit-learn."""

from scratchgen.sklearn.bernoulli_rbm import BernoulliRBM

__all__ = ["BernoulliRBM"]
