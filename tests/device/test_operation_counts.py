"""What one training step asks of a GPU: launches, products, large arrays, and never a wait of the host.

The counts are exact. Who adds a launch, a product or a large array to a step must change a number here, and can see in
the difference what it costs; a wait of the host is never right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import TrainingError
from scratchgen.kernels import _cuda
from scratchgen.models.energy.dynamics import Langevin
from scratchgen.nn import image_networks
from scratchgen.training.graphs import CapturedStep, PlainStep

pytestmark = pytest.mark.simulator

N_VISIBLE, BATCH, K = 7, 16, 3
X = np.random.default_rng(0).integers(0, 2, (BATCH, N_VISIBLE)).astype(np.float32)


def energy_model(n_steps, **options):
    return sg.EnergyModel(
        N_VISIBLE, (5,), loss=sg.Contrastive(buffer_size=100), dynamics=Langevin(n_steps=n_steps), **options
    )


MODELS = {
    "VAE": lambda **options: sg.VAE(N_VISIBLE, hidden=(5,), n_latent=2, **options),
    "RBM, CD-1": lambda **options: sg.RBM(N_VISIBLE, 5, **options),
    "EBM, three Langevin steps": lambda **options: energy_model(K, **options),
}

NO_WAIT = {"host_reads": [], "uploads": []}
EXPECTED = {
    "VAE": NO_WAIT
    | {
        "launches": {
            "adam._kernel": 1,
            "bernoulli_nll._nll_with_grad_kernel": 1,
            "bias_activation._backward_kernel": 4,
            "bias_activation._forward_kernel": 4,
            "latent._backward_kernel": 1,
            "latent._forward_kernel": 1,
            "philox.kernel": 1,
        },
        "products": 11,
        "array_launches": 7,
        "large_allocations": 6,
    },
    "RBM, CD-1": NO_WAIT
    | {
        "launches": {
            "bernoulli._kernel": 1,
            "free_energy._kernel": 2,
            "gibbs_units._kernel": 1,
            "sgd._descent_kernel": 1,
        },
        "products": 9,
        "array_launches": 17,
        "large_allocations": 4,
    },
    "EBM, three Langevin steps": NO_WAIT
    | {
        "launches": {
            "adam._kernel": 1,
            "bias_activation._backward_kernel": 8,
            "bias_activation._forward_kernel": 8,
            "langevin._kernel32": 3,
            "order._enter_kernel": 1,
            "order._rank_kernel": 1,
            "philox.kernel": 3,
        },
        "products": 17,
        "array_launches": 48,
        "large_allocations": 36,
    },
}


def counts_of_a_step(device, model, extra=lambda terms, n: None):
    """Return the counts of a step, taken after one in which handles and kernels were made."""
    step, x = PlainStep(model), device.module.asarray(X)
    step(x, lambda terms, n: None)
    device.counts = type(device.counts)()
    step(x, extra)
    counts, device.counts = device.counts, type(device.counts)()
    return counts


def test_the_stand_in_refuses_what_cupy_does_not_have(device):
    x = device.module.zeros((2, 3))
    with pytest.raises(AttributeError, match="CuPy has no 'isnat'"):
        device.module.isnat(x)
    with pytest.raises(AttributeError, match="no attribute 'newbyteorder'"):
        x.newbyteorder()
    with pytest.raises(TypeError, match="CuPy has no 'isnat'"):
        np.isnat(x)
    for total in (lambda **options: device.module.sum(x, **options), x.sum):
        with pytest.raises(TypeError, match="CuPy's sum takes no where"):
            total(where=True)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_asks_for_no_more_than_it_did(device, name):
    assert vars(counts_of_a_step(device, MODELS[name](backend=device.backend))) == EXPECTED[name]


@pytest.mark.parametrize("name", MODELS)
def test_a_step_never_waits_whatever_its_number(device, name):
    model = MODELS[name](backend=device.backend)
    for number in (64, 100):
        model.step = number - 1
        counts = counts_of_a_step(device, model)
        assert model.step == number + 1
        assert (number, counts.host_reads, counts.uploads) == (number, [], [])


def test_energies_that_run_apart_are_found_at_the_end_of_an_epoch_with_their_step(device):
    messages = []
    for backend, x in ((device.backend, device.module.asarray(X)), ("cpu", X)):
        loss = sg.Contrastive(buffer_size=20, largest_gap=0.3)
        model = sg.EnergyModel(N_VISIBLE, (5,), loss=loss, dynamics=Langevin(n_steps=1), backend=backend)
        with pytest.raises(TrainingError, match="the energies diverged at step 2: ") as raised:
            model.fit(x, epochs=1, batch_size=4, optimizer=sg.SGD(5.0), progress=False)
        messages.append((str(raised.value), model.step))
    assert (messages[0][0], messages[0][1] > messages[1][1]) == (messages[1][0], True)


def test_a_langevin_step_asks_the_same_each_time(device):
    shorter, longer = (counts_of_a_step(device, energy_model(n_steps, backend=device.backend)) for n_steps in (1, 2))
    assert longer.launches - shorter.launches == Counter(
        {"bias_activation._forward_kernel": 2, "bias_activation._backward_kernel": 2, "langevin._kernel32": 1}
    )
    assert longer.products - shorter.products == 4
    assert longer.host_reads == longer.uploads == []


@pytest.mark.parametrize("name", MODELS)
def test_arrays_that_stay_are_converted_for_kernels_once(device, name):
    model = MODELS[name](backend=device.backend)
    step, x = PlainStep(model), device.module.asarray(X)
    step(x, lambda terms, n: None)
    n_first = len(device.converted)
    device.converted.clear()
    step(x, lambda terms, n: None)
    state = model.optimizer_state
    for array in (x, model.theta, step.gradient, state.rates, *state.arrays.values()):
        first, n_bytes = array.data.ptr, array.values.nbytes
        assert [address for address in device.converted if first <= address < first + n_bytes] == []
    assert len(device.converted) < n_first


def test_views_for_kernels_are_right_when_few_are_kept(device, monkeypatch):
    terms = []
    for n_kept in (_cuda.MAX_VIEWS, 3):
        monkeypatch.setattr(_cuda, "MAX_VIEWS", n_kept)
        step, x = PlainStep(MODELS["VAE"](backend=device.backend)), device.module.asarray(X)
        for _ in range(3):
            step(x, lambda found, n: terms.append(float(found.loss)))
        assert len(_cuda._views) <= n_kept
    assert terms[:3] == terms[3:]


def test_many_parts_of_a_batch_are_joined_without_the_host(device, monkeypatch):
    x = device.module.asarray(X)
    device.counts = type(device.counts)()
    monkeypatch.setattr(image_networks, "_EXAMPLES", 1)
    joined = image_networks.in_parts(lambda rows: 2 * rows, x)
    assert (device.counts.host_reads, device.counts.uploads) == ([], [])
    np.testing.assert_array_equal(joined.values, 2 * X)


@pytest.mark.parametrize(
    ("extra", "seen_in"),
    [
        (lambda terms, device: float(terms.loss), "host_reads"),
        (lambda terms, device: terms.loss > 0 and None, "host_reads"),
        (lambda terms, device: device.module.asnumpy(terms.loss), "host_reads"),
        (lambda terms, device: device.module.argsort(device.module.zeros(2)), "host_reads"),
        (lambda terms, device: device.module.zeros(2)[device.module.ones(2) > 0], "host_reads"),
        (lambda terms, device: device.module.asarray(np.zeros(1)), "uploads"),
        (lambda terms, device: device.module.stack([terms.loss] * 9), "uploads"),
        (lambda terms, device: sg.Stream(0, device.backend).uniform(1), "launches"),
        (lambda terms, device: device.module.exp(terms.loss), "array_launches"),
        (lambda terms, device: device.module.empty(100), "large_allocations"),
    ],
    ids=["float", "bool", "asnumpy", "sort", "mask", "upload", "many", "launch", "array operation", "large array"],
)
def test_what_is_added_to_a_step_is_seen(device, extra, seen_in):
    vae = MODELS["VAE"](backend=device.backend)
    without = counts_of_a_step(device, vae)
    with_it = counts_of_a_step(device, vae, lambda terms, n: extra(terms, device))
    assert getattr(with_it, seen_in) != getattr(without, seen_in)


def test_a_replay_asks_for_the_batch_the_rates_and_the_graph(device):
    vae = MODELS["VAE"](backend=device.backend)
    step, x = CapturedStep(vae, BATCH), device.module.asarray(X)
    for _ in range(3):
        step(x, lambda terms, n: None)
    device.counts = type(device.counts)()
    step(x, lambda terms, n: None)
    assert step.n_replayed == 2
    assert device.counts == replace(type(device.counts)(), array_launches=3)  # the batch, and Adam's two rates
