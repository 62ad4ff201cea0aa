"""``scratchgen demo``: the main job from end to end, offline, in a minute or so.

First the gradients are checked. Then two VAEs learn the 1,797 handwritten digits of 8 x 8 pixels: one with ten latent
variables, for samples and reconstructions, and one with two, for pictures of the latent space.

Both have a Gaussian likelihood whose sigma is learned: the pixels are grey values, and under a Bernoulli likelihood
the entropy of the greys, not their shapes, is most of the loss; the pictures come out blurred. A sigma that starts at 1
makes z useless at first, and the posterior can collapse to the prior for good. So beta is warmed up from 0.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from scratchgen import __version__, datasets
from scratchgen.backend import Backend
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.evaluate import describe
from scratchgen.commands.folders import interruptible, prepare_folder, print_contents
from scratchgen.commands.gradcheck import print_gradient_checks
from scratchgen.commands.pictures import save_pictures
from scratchgen.commands.terms import bound_terms, log_likelihood_term, print_terms
from scratchgen.datasets import Dataset
from scratchgen.models.vae import VAE
from scratchgen.optim import Adam
from scratchgen.schedules import LinearWarmup

BATCH_SIZE = 64
LEARNING_RATE = 2e-3
WARMUP_STEPS = 500
CHECKPOINT_EVERY = 20  # epochs
N_SAMPLES = 1000  # of the importance-sampled log p(x)


class _Part(NamedTuple):
    """One of the two models: the names of its files, its settings, and the pictures that it is good for."""

    suffix: str
    settings: dict[str, Any]
    pictures: tuple[str, ...]


_PARTS = (
    _Part("", {"hidden": (256,), "n_latent": 10}, ("reconstructions.png", "samples.png", "training-curves.png")),
    _Part("-2d", {"hidden": (256, 128), "n_latent": 2}, ("latent-plane.png", "latent-clusters.png")),
)


def run_demo(out: Path, seed: int, epochs: int, backend_name: str, progress: bool) -> bool:
    """Run the demo, leave its files in `out`, and say whether all gradients are right; if not, nothing is trained.

    Raises
    ------
    InputError
        `out` cannot be written to.
    """
    started = time.perf_counter()
    print(f"scratchgen {__version__}")
    backend = announce_backend(backend_name)
    prepare_folder(out)

    _print_heading("Every gradient against finite differences")
    if not print_gradient_checks(backend):
        return False
    print_contents(out, _vae_section(out, seed, epochs, backend, progress))
    print(f"\ndone in {time.perf_counter() - started:.0f} s; more images: scratchgen sample {out / 'vae.safetensors'}")
    return True


def _vae_section(out: Path, seed: int, epochs: int, backend: Backend, progress: bool) -> dict[str, str]:
    data = datasets.load("digits")
    _print_heading(f"Two VAEs on {len(data.x_train):,} handwritten digits, {len(data.x_test)} held out")
    terms, files = {}, dict[str, str]()
    for part in _PARTS:
        vae = VAE(
            n_visible=data.x_train.shape[1],
            likelihood="gaussian",
            output_mean="sigmoid",
            sigma="learned",
            beta=LinearWarmup(WARMUP_STEPS),
            seed=seed,
            backend=backend,
            **part.settings,
        )
        files |= _train(vae, data, part, out, epochs, progress)
        terms[f"{vae.n_latent} latent"] = bound_terms(vae, data.x_test) | log_likelihood_term(
            vae, data.x_test, N_SAMPLES, progress=False
        )
    _print_heading("Held-out digits: nats per image, mean ± standard error over the images")
    print_terms(terms)
    print("p(x) is a density, since pixels are grey values: it may exceed 1, and a reconstruction term be negative")
    return files


def _train(vae: VAE, data: Dataset, part: _Part, out: Path, epochs: int, progress: bool) -> dict[str, str]:
    """Train one of the models; return the names of the files that it leaves, with descriptions."""
    print(describe(vae))
    weights, history = out / f"vae{part.suffix}.safetensors", out / f"history{part.suffix}.csv"
    weights.unlink(missing_ok=True)  # of an earlier demo
    # A second thread gains nothing on products this small; where its core is busy, it costs tens of seconds.
    with interruptible(weights), threadpool_limits(1, user_api="blas"):
        vae.fit(
            data.x_train,
            epochs=epochs,
            batch_size=BATCH_SIZE,
            optimizer=Adam(LEARNING_RATE),
            validation=data.x_test,
            checkpoint=weights,
            checkpoint_every=CHECKPOINT_EVERY,
            progress=progress,
        )
    vae.history.to_csv(history)
    files = {weights.name: f"the VAE with {vae.n_latent} latent variables", history.name: "its losses, epoch by epoch"}
    return files | save_pictures(vae, data, out, part.pictures)


def _print_heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")
