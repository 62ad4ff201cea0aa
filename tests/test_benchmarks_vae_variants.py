"""The VAEs of the lectures, on a toy of the size of their data: every one has its row, and its pictures."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen.datasets import Dataset

ROOT = Path(__file__).parent.parent
SHAPES = {"mnist": (28, 28), "cifar10": (32, 32, 3)}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    module = importlib.import_module("benchmarks.vae_variants")

    def load(name: str) -> Dataset:
        x = np.random.default_rng(0).random((24, int(np.prod(SHAPES[name]))), dtype=np.float32)
        y = np.arange(24) % 2
        return Dataset(name, x, y, x[:12], y[:12], SHAPES[name], ("0", "1"))

    monkeypatch.setattr(module, "load", load)
    return module


def test_each_variant_has_a_row_and_its_pictures(
    benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.main(["--scale", "0.01", "--pictures", str(tmp_path / "new")])
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == list(benchmark.VARIANTS)
    for row in rows:
        found = dict(zip(head, row, strict=True))
        variant = benchmark.VARIANTS[found["name"]]
        assert (found["data"], found["epochs"]) == (variant.data, "1")
        elbo, reconstruction, kl = (float(found[term]) for term in ("test -ELBO", "reconstruction", "KL"))
        assert elbo == pytest.approx(reconstruction + kl, abs=0.02)
        assert bool(found["sigma"]) == (variant.settings.get("likelihood") == "gaussian")
    plane = {f"{name}-{what}" for name in ("plane", "plane-convolutional") for what in ("plane", "clusters")}
    all_have = {f"{name}-{what}" for name in benchmark.VARIANTS for what in ("reconstructions", "samples")}
    assert {path.stem for path in (tmp_path / "new").iterdir()} == plane | all_have


def test_the_lecture_model_sees_intensities_from_minus_to_plus_one_half(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    fit = benchmark.sg.VAE.fit
    monkeypatch.setattr(
        benchmark.sg.VAE, "fit", lambda vae, x, **options: seen.append((vae, x)) or fit(vae, x, **options)
    )
    benchmark.main(["--variants", "lecture", "--scale", "0.01", "--pictures", str(tmp_path)])
    ((vae, x),) = seen
    np.testing.assert_allclose(x, benchmark.load("mnist").x_train - 0.5, atol=1e-7)
    assert (vae.hidden, vae.n_latent, vae.decoder_hidden) == ((512, 512), 8, (512,))
    assert (vae.likelihood, vae.output_mean, vae.sigma) == ("gaussian", "tanh", 1.0)
