"""What held-out images cost under a VAE, in nats per example: the terms of the bound, and log p(x) itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.ops.divergences import kl_standard_normal_forward

if TYPE_CHECKING:
    from scratchgen.models.vae import VAE

_BLOCK = 100  # examples between two updates of the progress bar


class Estimate(NamedTuple):
    """A mean over examples, and its standard error."""

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f}"


def estimate(values: np.ndarray) -> Estimate:
    """Return the mean of one value an example, at least two, and the standard error of that mean."""
    values = np.asarray(values, dtype=np.float64)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def bound_terms(vae: VAE, x: np.ndarray) -> dict[str, Estimate]:
    """Return reconstruction, KL and ELBO of `x`, with one draw of z an example: ELBO = -(reconstruction + KL)."""
    elbo = to_numpy(vae.elbo(x))
    kl = to_numpy(kl_standard_normal_forward(*vae.encode(x))[0])
    return {"reconstruction": estimate(-elbo - kl), "KL": estimate(kl), "ELBO": estimate(elbo)}


def log_likelihood_term(vae: VAE, x: np.ndarray, n_samples: int, progress: bool) -> dict[str, Estimate]:
    """Return log p(x), importance-sampled with `n_samples` draws of z an example."""
    from tqdm.auto import tqdm

    values = []
    with tqdm(total=len(x), desc="log p(x)", unit="image", disable=not progress) as bar:
        for start in range(0, len(x), _BLOCK):
            values.append(to_numpy(vae.log_likelihood(x[start : start + _BLOCK], n_samples)))
            bar.update(len(values[-1]))
    return {f"log p(x), {n_samples:,} samples": estimate(np.concatenate(values))}


def print_terms(columns: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Print a table: a row a term, a column a model; one model needs no name."""
    terms = next(iter(columns.values()))
    width = max(map(len, terms))
    if any(columns):
        print(" " * width + "".join(f"{name:>20}" for name in columns))
    for term in terms:
        print(f"{term:{width}}" + "".join(f"{column[term]!s:>20}" for column in columns.values()))
