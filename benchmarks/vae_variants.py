"""VAEs of the lectures on MNIST and CIFAR-10: their bounds on test images, and their pictures.

======================  ==============================================================================================
name                    model
======================  ==============================================================================================
lecture                 784-512-512-8 and 8-512-784, tanh mean and unit variance, images in [-0.5, 0.5]
learned-sigma           784-400-20 with one standard deviation for all pixels, learned
five-draws              784-400-20, Bernoulli, five draws of z an example
plane                   784-512-256-2, Bernoulli: the latent plane
plane-convolutional     convolutions to 32 and 64 maps, 128 dense units, two latent variables
cifar                   colour images, convolutions to 32, 64 and 128 maps, 64 latent variables, sigma 0.1
======================  ==============================================================================================

Bounds of different likelihoods do not compare: those of a Gaussian are of densities. Active units are latent variables
whose posterior mean varies by more than 0.01 over the test images.

Run ``python -m benchmarks.vae_variants --pictures FOLDER``; each takes a minute or two on two idle cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen.datasets import Dataset
from scratchgen.latent import active_units

N_PICTURED = 10


class Variant(NamedTuple):
    """A model, its data and its training."""

    make: Callable[..., sg.VAE]
    settings: dict[str, Any]
    data: str = "mnist"
    epochs: int = 10
    shift: float = 0.0  # added to the intensities


VARIANTS = {
    "lecture": Variant(
        sg.VAE,
        {
            "n_visible": 784,
            "hidden": (512, 512),
            "n_latent": 8,
            "decoder_hidden": (512,),
            "likelihood": "gaussian",
            "output_mean": "tanh",
        },
        shift=-0.5,
    ),
    "learned-sigma": Variant(
        sg.VAE, {"n_visible": 784, "likelihood": "gaussian", "output_mean": "sigmoid", "sigma": "learned"}
    ),
    "five-draws": Variant(sg.VAE, {"n_visible": 784, "n_samples": 5}, epochs=5),
    "plane": Variant(sg.VAE, {"n_visible": 784, "hidden": (512, 256), "n_latent": 2}),
    "plane-convolutional": Variant(sg.ConvVAE, {"image_shape": (28, 28), "n_dense": 128}, epochs=3),
    "cifar": Variant(
        sg.ConvVAE,
        {
            "image_shape": (32, 32, 3),
            "channels": (32, 64, 128),
            "n_dense": 256,
            "n_latent": 64,
            "likelihood": "gaussian",
            "output_mean": "sigmoid",
            "sigma": 0.1,
        },
        data="cifar10",
        epochs=20,
    ),
}


def load(name: str) -> Dataset:
    """Return the data set, or of CIFAR-10 the subset where the whole is not at hand."""
    here = {entry.name for entry in sg.datasets.available() if entry.present}
    return sg.datasets.load(f"{name}-subset" if name not in here and f"{name}-subset" in here else name)


def save_pictures(name: str, vae: sg.VAE, data: Dataset, shift: float, folder: Path) -> None:
    """Write reconstructions and samples, and of two latent variables the plane and the clusters."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = data.image_shape
    x = data.x_test[:N_PICTURED]
    figures = {
        "reconstructions": sg.plots.reconstructions(x, vae.reconstruct(x + shift) - shift, shape, n_columns=N_PICTURED),
        "samples": sg.plots.image_grid(vae.sample(64, mean=True) - shift, shape),
    }
    if vae.n_latent == 2:
        figures["plane"] = sg.plots.latent_plane(vae.decode, shape)
        figures["clusters"] = sg.plots.latent_clusters(vae.encode(data.x_test)[0], data.y_test)
    for what, figure in figures.items():
        figure.savefig(folder / f"{name}-{what}.png", dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vae_variants", description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the epochs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to write the pictures")
    options = parser.parse_args(arguments)
    print("| name | data | epochs | test -ELBO | reconstruction | KL | active units | sigma | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in options.variants:
        variant = VARIANTS[name]
        data, epochs = load(variant.data), max(1, round(options.scale * variant.epochs))
        x_train, x_test = (x + np.float32(variant.shift) for x in (data.x_train, data.x_test))
        vae = variant.make(**variant.settings, seed=options.seed, backend=options.backend)
        started = time.perf_counter()
        vae.fit(x_train, epochs=epochs, optimizer=sg.Adam(1e-3), validation=x_test, progress=False)
        seconds, last = time.perf_counter() - started, vae.history
        n_active = int(active_units(vae.encode(x_test)[0]).sum())
        sigma = f"{float(np.exp(vae.params.log_sigma[0])):.3f}" if vae.sigma == "learned" else vae.sigma
        terms = (last.validation_loss[-1], last.validation_reconstruction[-1], last.validation_kl[-1])
        print(
            f"| {name} | {data.name} | {epochs} | {' | '.join(f'{term:.2f}' for term in terms)} | "
            f"{n_active} of {vae.n_latent} | {sigma if vae.likelihood == 'gaussian' else ''} | {seconds:.0f} |",
            flush=True,
        )
        if options.pictures:
            save_pictures(name, vae, data, variant.shift, options.pictures)


if __name__ == "__main__":
    main()
