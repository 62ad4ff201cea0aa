"""``scratchgen demo``: the main job from end to end, offline, in a minute or so.

First the gradients are checked. Then two VAEs learn the 1,797 handwritten digits of 8 x 8 pixels: one with ten latent
variables, for samples and reconstructions, and one with two, for pictures of the latent space. Then an RBM does.

Both VAEs have a Gaussian likelihood whose sigma is learned: the pixels are grey values, and under a Bernoulli
likelihood the entropy of the greys, not their shapes, is most of the loss; the pictures come out blurred. A sigma that
starts at 1 makes z useless at first, and the posterior can collapse to the prior for good. So beta is warmed up from 0.

The RBM's Bernoulli units take the pixels as 0 or 1, drawn afresh for each batch. Persistent chains follow the model
only while it changes slowly: a learning rate that falls to 0 gains about a nat per image over a constant one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from scratchgen import __version__, datasets
from scratchgen.backend import Backend
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.evaluate import print_costs
from scratchgen.commands.families import family_of
from scratchgen.commands.folders import interruptible, prepare_folder, print_contents
from scratchgen.commands.gradcheck import print_gradient_checks
from scratchgen.commands.options import Evaluation
from scratchgen.commands.pictures import save_pictures
from scratchgen.commands.terms import print_terms
from scratchgen.datasets import Dataset
from scratchgen.models.boltzmann.negative_phase import PersistentContrastiveDivergence
from scratchgen.models.boltzmann.rbm import RBM
from scratchgen.models.model import Model
from scratchgen.models.vae import VAE
from scratchgen.optim import SGD, Adam, Optimizer
from scratchgen.schedules import LinearDecay, LinearWarmup

RBM_EPOCHS = 4  # for each of a VAE's, which takes several times as long
BATCH_SIZE = 64
LEARNING_RATE = 2e-3
WARMUP_STEPS = 500
CHECKPOINT_EVERY = 20  # epochs
EVALUATION = Evaluation(samples=1000)
RBM_LEARNING_RATE = 0.1
MONITOR_EVERY = 8  # epochs


class _Part(NamedTuple):
    """One of the two VAEs: the names of its files, its settings, and the pictures that it is good for."""

    suffix: str
    settings: dict[str, Any]
    pictures: tuple[str, ...]


_PARTS = (
    _Part(
        "",
        {"hidden": (256,), "n_latent": 10},
        (
            "reconstructions.png",
            "samples.png",
            "training-curves.png",
            "latent-kl.png",
            "latent-correlation.png",
            "latent-histograms.png",
        ),
    ),
    _Part(
        "-2d",
        {"hidden": (256, 128), "n_latent": 2},
        ("latent-plane.png", "latent-plane-linear.png", "latent-clusters.png"),
    ),
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
    files = _vae_section(out, seed, epochs, backend, progress)
    files |= _rbm_section(out, seed, RBM_EPOCHS * epochs, backend, progress)
    print_contents(out, files)
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
        _train(vae, data, Adam(LEARNING_RATE), out / f"vae{part.suffix}.safetensors", epochs, progress)
        history = out / f"history{part.suffix}.csv"
        vae.history.to_csv(history)
        files[f"vae{part.suffix}.safetensors"] = f"the VAE with {vae.n_latent} latent variables"
        files[history.name] = "its losses, epoch by epoch"
        files |= save_pictures(vae, data, out, part.pictures)
        terms[f"{vae.n_latent} latent"] = family_of(vae).held_out(vae, data.x_test, EVALUATION, False).terms
    _print_heading("Held-out digits: nats per image, mean ± standard error over the images")
    print_terms(terms)
    print("p(x) is a density, since pixels are grey values: it may exceed 1, and a reconstruction term be negative")
    return files


def _rbm_section(out: Path, seed: int, epochs: int, backend: Backend, progress: bool) -> dict[str, str]:
    data = datasets.load("digits")
    _print_heading("A restricted Boltzmann machine on the same digits, by persistent contrastive divergence")
    rbm = RBM(n_visible=data.x_train.shape[1], n_hidden=64, binarise=True, centred=True, seed=seed, backend=backend)
    rbm.use_negative_phase(PersistentContrastiveDivergence(k=10, n_chains=100))
    n_steps = epochs * -(-len(data.x_train) // BATCH_SIZE)
    optimizer = SGD(LinearDecay(n_steps, start=RBM_LEARNING_RATE), momentum=0.9)
    _train(rbm, data, optimizer, out / "rbm.safetensors", epochs, progress, monitor_every=MONITOR_EVERY)
    rbm.history.to_csv(out / "rbm-history.csv")
    print_costs(rbm, data, "Held-out digits", EVALUATION, progress=False)
    files = {"rbm.safetensors": "the RBM", "rbm-history.csv": "its free energies, epoch by epoch"}
    return files | save_pictures(rbm, data, out, prefix="rbm-")


def _train(
    model: Model,
    data: Dataset,
    optimizer: Optimizer,
    weights: Path,
    epochs: int,
    progress: bool,
    **fit_options: Any,
) -> None:
    """Train a model on the digits and leave it in the file `weights`."""
    print(family_of(model).describe(model))
    weights.unlink(missing_ok=True)  # of an earlier demo
    # A second thread gains nothing on products this small; where its core is busy, it costs tens of seconds.
    with interruptible(weights), threadpool_limits(1, user_api="blas"):
        model.fit(
            data.x_train,
            epochs=epochs,
            batch_size=BATCH_SIZE,
            optimizer=optimizer,
            validation=data.x_test,
            checkpoint=weights,
            checkpoint_every=CHECKPOINT_EVERY,
            progress=progress,
            **fit_options,
        )


def _print_heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")
