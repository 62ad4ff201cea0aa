"""What the stand-in cannot show: that cuBLAS, Numba and CuPy let themselves be captured, and that replays are right.

``python -m pytest -m gpu tests/device`` on a machine with an NVIDIA GPU.
"""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.backend import get_backend, to_numpy
from scratchgen.kernels import cublas
from scratchgen.kernels.matmul import matmul
from scratchgen.models.boltzmann.negative_phase import PersistentContrastiveDivergence
from scratchgen.schedules import LinearDecay, LinearWarmup
from scratchgen.training.graphs import CapturedStep, PlainStep

pytestmark = pytest.mark.gpu

N_VISIBLE, BATCH, N_STEPS = 784, 128, 20
X = np.random.default_rng(0).integers(0, 2, (N_STEPS * BATCH, N_VISIBLE)).astype(np.float32)
MODELS = {
    "VAE": lambda: sg.VAE(N_VISIBLE, binarise=True, backend="cuda"),
    "VAE with a warm-up": lambda: sg.VAE(N_VISIBLE, beta=LinearWarmup(5), backend="cuda"),
    "VAE in tf32": lambda: sg.VAE(N_VISIBLE, backend=get_backend("cuda", precision="tf32")),
    "VAE in float16": lambda: sg.VAE(N_VISIBLE, backend=get_backend("cuda", precision="float16")),
    "CD": lambda: sg.RBM(N_VISIBLE, 500, backend="cuda"),
    "PCD": lambda: _persistent(sg.RBM(N_VISIBLE, 500, backend="cuda")),
    "PCD, in shared memory": lambda: _persistent(sg.RBM(N_VISIBLE, 5, backend="cuda")),
    "EBM": lambda: sg.EnergyModel(N_VISIBLE, dynamics=sg.Langevin(n_steps=5), max_norm=1.0, backend="cuda"),
    "ConvEBM": lambda: sg.ConvEnergyModel((28, 28), dynamics=sg.Langevin(n_steps=5), box=(0, 1), backend="cuda"),
    "score matching": lambda: sg.EnergyModel(N_VISIBLE, loss="score-matching", backend="cuda"),
    "denoising autoencoder": lambda: sg.DenoisingAutoencoder(N_VISIBLE, backend="cuda"),
    "sparse autoencoder": lambda: sg.SparseAutoencoder(N_VISIBLE, backend="cuda"),
    "contractive autoencoder": lambda: sg.ContractiveAutoencoder(N_VISIBLE, (), backend="cuda"),
}


def _persistent(rbm):
    rbm.use_negative_phase(PersistentContrastiveDivergence())
    return rbm


def test_cublas_is_found():
    assert cublas.library() is not None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("by_columns", [(False, False), (True, False), (False, True), (True, True)])
def test_products_are_those_of_numpy(dtype, by_columns):
    rng, backend = np.random.default_rng(1), get_backend("cuda")
    a, b = (rng.integers(-4, 5, shape).astype(dtype) for shape in ((129, 785), (785, 401)))
    on_device = (backend.asarray(x.T if flag else x) for x, flag in zip((a, b), by_columns, strict=True))
    a_device, b_device = (x.T if flag else x for x, flag in zip(on_device, by_columns, strict=True))
    around = backend.xp.zeros((129, 500), dtype=dtype)
    np.testing.assert_array_equal(to_numpy(matmul(a_device, b_device)), a @ b)
    np.testing.assert_array_equal(to_numpy(matmul(a_device, b_device, out=around[:, 7:408])), a @ b)
    assert not around[:, :7].any()
    assert not around[:, 408:].any()


@pytest.mark.parametrize(("precision", "u"), [("float32", 0.0), ("tf32", 2.0**-10), ("float16", 2.0**-11)])
def test_the_error_of_a_product_is_below_the_stated_bound(precision, u):
    rng, backend = np.random.default_rng(1), get_backend("cuda")
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((128, 784), (784, 400)))
    product = to_numpy(matmul(backend.asarray(a), backend.asarray(b), precision=precision))
    error = np.abs(product - a.astype(float) @ b.astype(float))
    size = np.abs(a).astype(float) @ np.abs(b).astype(float)
    assert (error <= (2 * u + u * u + 784 * 2.0**-24) * size).all()


@pytest.mark.parametrize("optimizer", [sg.Adam(LinearDecay(15, 0.01)), sg.SGD(0.01, momentum=0.9)], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_replays_give_the_bits_of_steps_without_a_graph(name, optimizer):
    results = []
    for make in (PlainStep, lambda model: CapturedStep(model, BATCH)):
        model = MODELS[name]()
        model.use_optimizer(optimizer)
        step, x, terms = make(model), model.backend.asarray(X), []
        for i in range(N_STEPS):
            n = BATCH if i % 7 else BATCH - 1  # a short batch at times
            step(x[i * BATCH :][:n], lambda found, _, terms=terms: terms.append([float(term) for term in found]))
        results.append((terms, to_numpy(model.theta), model.streams["training_noise"].draw))
    for without, with_graph in zip(*results, strict=True):
        np.testing.assert_array_equal(without, with_graph)
    assert step.n_replayed > N_STEPS // 2
    assert len({row[0] for row in terms}) == N_STEPS


def test_training_with_graphs_is_training_without(monkeypatch):
    results = []
    for wanted in ("0", "1"):
        monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", wanted)
        vae = sg.VAE(N_VISIBLE, backend="cuda")
        history = vae.fit(X[:1000], epochs=3, batch_size=BATCH, validation=X[1000:1300], progress=False)
        results.append((history.loss, history.columns["validation_loss"], to_numpy(vae.theta)))
    for without, with_graphs in zip(*results, strict=True):
        np.testing.assert_array_equal(without, with_graphs)
