"""A captured training step: its replays do what the steps made operation by operation do, to the bit."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import BackendWarning
from scratchgen.models.boltzmann.negative_phase import METHODS
from scratchgen.models.energy.dynamics import Langevin
from scratchgen.schedules import LinearDecay, LinearWarmup
from scratchgen.training import graphs
from scratchgen.training.graphs import CapturedStep, PlainStep, training_step

pytestmark = pytest.mark.simulator

N_VISIBLE, BATCH = 7, 4
X = np.random.default_rng(0).integers(0, 2, (8, BATCH, N_VISIBLE)).astype(np.float32)
MODELS = {
    "VAE": lambda **options: sg.VAE(N_VISIBLE, hidden=(5,), n_latent=2, binarise=True, **options),
    "VAE with a warm-up": lambda **options: sg.VAE(N_VISIBLE, hidden=(5,), n_latent=2, beta=LinearWarmup(2), **options),
    "CD": lambda **options: sg.RBM(N_VISIBLE, 5, **options),
    "PCD": lambda **options: _with_phase(sg.RBM(N_VISIBLE, 5, **options), "pcd"),
    "ConvVAE": lambda **options: sg.ConvVAE((1, N_VISIBLE), (2,), n_dense=3, n_latent=2, **options),
    "EBM": lambda **options: sg.EnergyModel(
        N_VISIBLE, (5,), loss=CONTRASTIVE, dynamics=Langevin(n_steps=2), max_norm=0.5, max_value=0.4, **options
    ),
    "EBM in a box": lambda **options: sg.EnergyModel(
        N_VISIBLE, (5,), loss=CONTRASTIVE, dynamics=NOISE_FIRST, box=(0, 1), **options
    ),
    "ConvEBM": lambda **options: sg.ConvEnergyModel(
        (1, N_VISIBLE), (2,), 3, loss=CONTRASTIVE, dynamics=Langevin(n_steps=1), first_kernel=3, **options
    ),
    "score matching": lambda **options: sg.EnergyModel(N_VISIBLE, (5,), loss="score-matching", **options),
    "autoencoder": lambda **options: sg.Autoencoder(N_VISIBLE, (5,), 2, weight_decay=0.1, **options),
    "Gaussian autoencoder": lambda **options: sg.Autoencoder(N_VISIBLE, (5,), 2, likelihood="gaussian", **options),
    "sparse, KL": lambda **options: sg.SparseAutoencoder(N_VISIBLE, (5,), 2, **options),
    "sparse, L1": lambda **options: sg.SparseAutoencoder(N_VISIBLE, (5,), 2, sparsity="l1", **options),
    "contractive, one layer": lambda **options: sg.ContractiveAutoencoder(N_VISIBLE, (), 2, **options),
    "contractive": lambda **options: sg.ContractiveAutoencoder(N_VISIBLE, (5,), 2, **options),
    "denoising": lambda **options: sg.DenoisingAutoencoder(N_VISIBLE, (5,), 2, **options),
    "denoising, Gaussian noise": lambda **options: _denoising(sg.corruptions.GaussianNoise(), **options),
    "denoising, independent": lambda **options: _denoising(sg.corruptions.IndependentMasking(), **options),
    "denoising, salt and pepper": lambda **options: _denoising(sg.corruptions.SaltAndPepper(), **options),
}
CONTRASTIVE = sg.Contrastive(buffer_size=11, reinitialised=0.3, data_noise=0.1)
NOISE_FIRST = Langevin(n_steps=2, order="noise-before-gradient", max_gradient=1.0)


def _denoising(corruption, **options):
    return sg.DenoisingAutoencoder(N_VISIBLE, (5,), 2, corruption=corruption, **options)


def _with_phase(rbm, method):
    rbm.use_negative_phase(METHODS[method](n_chains=3))
    return rbm


def train(model, step, batches, device):
    """Take steps on the batches; return the terms of each, and the parameters after the last."""
    rows = []

    def record(terms, n_examples):
        row = device.module.zeros(len(terms), dtype=np.float64)
        for i, term in enumerate(terms):
            row[i] = term
        rows.append(row)

    for batch in batches:
        step(device.module.asarray(batch), record)
    return np.array([row.values for row in rows]), model.theta.values.copy()


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("VAE", sg.Adam(LinearDecay(15, 0.01))),
        ("VAE with a warm-up", sg.SGD(LinearDecay(15, 0.1), momentum=0.9)),
        ("CD", sg.SGD(LinearDecay(15, 0.1))),
        ("PCD", sg.Adam(0.01)),
        *((name, sg.Adam(0.01)) for name in list(MODELS)[4:]),
    ],
    ids=str,
)
def test_replays_give_the_bits_of_steps_without_a_graph(device, name, optimizer):
    results = []
    for make in (lambda model: PlainStep(model), lambda model: CapturedStep(model, BATCH)):
        model = MODELS[name](seed=1, backend=device.backend)
        model.use_optimizer(optimizer)
        step = make(model)
        short = X[5, :3]
        results.append(train(model, step, [*X[:5], short, *X[5:], short], device))
        results[-1] += (model.step, model.optimizer_state.n_steps, model.streams["training_noise"].draw)
        results[-1] += tuple(array.values for array in model.own_state().arrays.values())
    for without, with_graph in zip(*results, strict=True):
        np.testing.assert_array_equal(without, with_graph)
    n_first = 4 if "warm-up" in name else 2  # while a schedule rises no two steps can share a graph
    assert (step.n_made, step.n_replayed) == (n_first + 2, 8 - n_first)


def test_replays_draw_fresh_numbers(device):
    vae = MODELS["VAE"](backend=device.backend)
    step = CapturedStep(vae, BATCH)
    vae.use_optimizer(sg.SGD(0.0))  # the parameters stay
    terms, _ = train(vae, step, [X[0]] * 8, device)
    assert step.n_replayed == 6
    assert len(set(terms[:, 0])) == 8


def test_a_graph_is_left_when_what_it_holds_has_changed(device):
    vae = MODELS["VAE"](backend=device.backend)
    step = CapturedStep(vae, BATCH)
    train(vae, step, X[:4], device)
    assert step.n_replayed == 2
    state = vae.state()
    vae.restore(state)  # fresh streams and moments
    train(vae, step, X[:3], device)
    assert (step.n_made, step.n_replayed) == (4, 3)
    vae.use_optimizer(sg.SGD(0.1))
    train(vae, step, X[:1], device)
    assert (step.n_made, step.n_replayed) == (5, 3)


def test_a_graph_holds_the_schedule_of_the_steps_that_replay_it(device):
    """The value changes right after two equal steps, when a graph could be captured, and comes back."""

    def beta(step):
        return 1.0 if step % 3 == 2 else 0.0

    results = []
    for make in (PlainStep, lambda model: CapturedStep(model, BATCH)):
        vae = sg.VAE(N_VISIBLE, hidden=(5,), n_latent=2, beta=beta, backend=device.backend)
        results.append(train(vae, make(vae), X, device))
    for without, with_graph in zip(*results, strict=True):
        np.testing.assert_array_equal(without, with_graph)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda backend: _with_phase(sg.RBM(N_VISIBLE, 5, backend=backend), "pt"), "parallel tempering.*the host"),
        (lambda backend: _denoising(lambda x, stream: 0.5 * x, backend=backend), "its corruption.*may wait"),
        (lambda backend: sg.M2(N_VISIBLE, n_classes=2, backend=backend), "labelled and unlabelled.*not one array"),
        (lambda backend: sg.LinearGaussianModel(N_VISIBLE, 2, backend=backend), "LinearGaussianModel has not"),
    ],
    ids=["PT", "a function of the user's", "labels", "other"],
)
def test_a_model_that_cannot_be_captured_says_why_and_trains_without(device, monkeypatch, make, why):
    monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", "1")
    with pytest.warns(BackendWarning, match=f"training goes on without CUDA graphs: .*{why}"):
        assert isinstance(training_step(make(device.backend), BATCH), PlainStep)


def test_a_fit_warns_once_and_an_epoch_logs_how_many_steps_were_replayed(device, monkeypatch, caplog):
    monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", "1")
    x = device.module.asarray(X.reshape(-1, N_VISIBLE)[: 5 * BATCH - 1])  # the last batch is short
    with caplog.at_level("INFO", "scratchgen.training"):
        MODELS["autoencoder"](backend=device.backend).fit(x, epochs=2, batch_size=BATCH, progress=False)
    assert caplog.messages == [
        "epoch 1: 2 steps replayed from a CUDA graph, 3 made without one",
        "epoch 2: 4 steps replayed from a CUDA graph, 1 made without one",
    ]
    with pytest.warns(BackendWarning) as found:
        _denoising(lambda x, stream: 0.5 * x, backend=device.backend).fit(x, epochs=2, batch_size=BATCH, progress=False)
    assert len(found) == 1


def test_a_capture_that_fails_is_announced_and_training_goes_on(device, monkeypatch):
    vae = MODELS["VAE"](backend=device.backend)
    step, reference = CapturedStep(vae, BATCH), MODELS["VAE"](backend=device.backend)

    def fail(stream):
        device.tape = None
        raise RuntimeError("operation not permitted")

    monkeypatch.setattr(type(device.module.cuda.Stream(non_blocking=True)), "end_capture", fail)
    with pytest.warns(BackendWarning, match="cannot be captured.*operation not permitted"):
        terms, theta = train(vae, step, X[:5], device)
    expected_terms, expected_theta = train(reference, PlainStep(reference), X[:5], device)
    np.testing.assert_array_equal(terms, expected_terms)
    np.testing.assert_array_equal(theta, expected_theta)
    assert (step.n_made, step.n_replayed) == (5, 0)


def test_a_graph_keeps_the_workspace_of_its_products(device):
    """One thread makes it and ends, another replays it."""
    vae = MODELS["VAE"](backend=device.backend)
    step = CapturedStep(vae, BATCH)
    thread = threading.Thread(target=train, args=(vae, step, X[:3], device))
    thread.start()
    thread.join()
    library = graphs.cublas.library()
    assert library.n_destroyed == 1  # that of the steps without a graph
    train(vae, step, X[:1], device)
    assert (step.n_made, step.n_replayed) == (2, 2)
    del step
    gc.collect()
    assert library.n_destroyed == 2


def test_graphs_are_made_only_where_they_are_asked_for(device, monkeypatch):
    vae = MODELS["VAE"](backend=device.backend)
    monkeypatch.delenv("SCRATCHGEN_CUDA_GRAPHS", raising=False)
    assert isinstance(training_step(vae, BATCH), PlainStep)
    monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", "1")
    assert isinstance(training_step(vae, BATCH), CapturedStep)
    assert isinstance(training_step(MODELS["VAE"](backend="cpu"), BATCH), PlainStep)
    monkeypatch.setattr(graphs.cublas, "library", lambda: None)
    with pytest.warns(BackendWarning, match="without CUDA graphs: cuBLAS could not be loaded"):
        assert isinstance(training_step(vae, BATCH), PlainStep)


def test_training_with_graphs_is_training_without(device, monkeypatch):
    results = []
    for wanted in ("0", "1"):
        monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", wanted)
        vae = MODELS["VAE"](backend=device.backend)
        history = vae.fit(
            device.module.asarray(X[:4].reshape(-1, N_VISIBLE)[:14]), epochs=2, batch_size=4, progress=False
        )
        results.append((history.columns["loss"], vae.theta.values))
    for without, with_graphs in zip(*results, strict=True):
        np.testing.assert_array_equal(without, with_graphs)
