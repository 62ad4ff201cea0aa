"""The training loop against a loop written out by hand, and what it does when it is stopped, early or by an error."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.backend import Backend
from scratchgen.errors import InputError, ReproducibilityWarning, TrainingError
from scratchgen.models.vae import VAETerms
from scratchgen.schedules import CyclicalWarmup, LinearWarmup
from scratchgen.training import loop
from scratchgen.training.terms import TermRecorder

N, BATCH_SIZE, STEPS = 23, 8, 3  # batches of 8, 8 and 7
X = np.random.default_rng(0).random((N, 6))
HELD_OUT = np.random.default_rng(1).random((5, 6))
OPTIMIZERS = [sg.Adam(LinearWarmup(7, 1e-3, 2e-2)), sg.SGD(LinearWarmup(7, 1e-4, 1e-3), momentum=0.9)]


def new_vae(backend: str | Backend = "numpy", **settings: Any) -> sg.VAE:
    return sg.VAE(6, (5,), 2, **{"beta": CyclicalWarmup(4), "seed": 3} | settings, backend=backend)


def train(model: sg.VAE, epochs: int, **options: Any) -> sg.VAE:
    model.fit(X, **{"epochs": epochs, "batch_size": BATCH_SIZE, "progress": False} | options)
    return model


def everything(model: sg.VAE, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the whole state to compare, arrays as bytes; seconds are another matter."""
    state = model.state()
    history = {name: column for name, column in model.history.columns.items() if name != "seconds"}
    values = state.values | {"history": history}
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return {name: value for name, value in (values | arrays).items() if name not in without}


def poison(model: sg.VAE, at_step: int, monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    """Let `action` replace the loss of one step."""
    evaluate = model.evaluate_terms_and_grads

    def poisoned(*args: Any, **options: Any) -> Any:
        terms, grads = evaluate(*args, **options)
        return (action(terms), grads) if model.step == at_step else (terms, grads)

    monkeypatch.setattr(model, "evaluate_terms_and_grads", poisoned)


def with_kl(value: float) -> Any:
    return lambda terms: VAETerms(terms.loss + value, terms.reconstruction, value)


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


# ---------------------------------------------------------------------------------------------------- what it does


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_is_this_loop(backend: Backend, dtype: str, optimizer: Any) -> None:
    by_hand, x = new_vae(backend, dtype=dtype), X.astype(dtype)
    by_hand.adapt_to_data_(x)
    state = optimizer.start(by_hand.theta, np)
    rows: list[dict[str, float]] = []
    for epoch in range(1, 4):
        row = {"epoch": epoch} | by_hand.scheduled_values() | {"learning_rate": optimizer.learning_rate(by_hand.step)}
        order = by_hand.streams["shuffling"].permutation(N)
        sums = np.zeros(3)
        for start in range(0, N, BATCH_SIZE):
            batch = x[order[start : start + BATCH_SIZE]]
            noise = by_hand.streams["training_noise"].normal((len(batch), 2), dtype)
            terms, grads = by_hand.loss_and_grad(batch, noise)
            gradient = np.concatenate([np.ravel(part) for part in _leaves(grads)])
            sums += len(batch) * np.array(terms, dtype=float)
            optimizer.step_(by_hand.theta, gradient, state, backend)
            by_hand.step += 1
        rows.append(row | dict(zip(("loss", "reconstruction", "kl"), sums / N, strict=True)))

    fitted = train(new_vae(backend, dtype=dtype), 3, optimizer=optimizer)
    np.testing.assert_array_equal(fitted.theta, by_hand.theta)
    assert (fitted.step, fitted.epoch, fitted.optimizer_state.n_steps) == (3 * STEPS, 3, 3 * STEPS)
    assert fitted.history.columns.keys() - rows[0].keys() == {"seconds"}
    for name in rows[0]:
        np.testing.assert_allclose(fitted.history.columns[name], [row[name] for row in rows], rtol=1e-14)


def _leaves(tree: Any) -> list[Any]:
    return [leaf for part in tree for leaf in _leaves(part)] if isinstance(tree, tuple) else [tree]


def test_every_example_is_seen_once_an_epoch_in_an_order_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = new_vae(dtype="float64"), []
    evaluate = model.evaluate_terms_and_grads
    monkeypatch.setattr(
        model,
        "evaluate_terms_and_grads",
        lambda x, *args, **options: (seen.append(x), evaluate(x, *args, **options))[1],
    )
    train(model, 2)
    assert [len(batch) for batch in seen] == 2 * [8, 8, 7]
    epochs = [np.concatenate(seen[:STEPS]), np.concatenate(seen[STEPS:])]
    assert not np.array_equal(*epochs)
    for epoch in (*epochs, X):
        np.testing.assert_array_equal(epoch[np.argsort(epoch[:, 0])], X[np.argsort(X[:, 0])])


def test_a_batch_larger_than_the_data_is_all_of_them(backend: Backend) -> None:
    larger = train(new_vae(backend), 2, batch_size=10**9)
    assert everything(larger) == everything(train(new_vae(backend), 2, batch_size=N))
    assert larger.step == 2


@pytest.mark.parametrize("batch_size", [1, N - 1, N])
def test_odd_batch_sizes_train(backend: Backend, batch_size: int) -> None:
    model = train(new_vae(backend, beta=1.0), 5, batch_size=batch_size, optimizer=sg.Adam(1e-2))
    assert model.history.loss[-1] < model.history.loss[0]


def test_the_data_are_left_as_they_are(backend: Backend) -> None:
    before, held_out = X.copy(), HELD_OUT.copy()
    train(new_vae(backend, dtype="float64"), 2, validation=HELD_OUT)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(HELD_OUT, held_out)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, None])
def test_two_calls_do_what_one_does(backend: Backend, optimizer: Any) -> None:
    at_once = train(new_vae(backend), 5, optimizer=optimizer)
    in_parts = train(train(new_vae(backend), 2, optimizer=optimizer), 3, optimizer=optimizer)
    assert everything(in_parts) == everything(at_once)


def test_a_model_adapts_to_the_data_once_before_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(sg.VAE, "adapt_to_data_", lambda model, x: calls.append((model.step, x.tolist())))
    model = new_vae(dtype="float64")
    train(train(model, 1), 1)
    assert calls == [(0, X.tolist())]


def test_a_seed_fixes_the_run_and_another_gives_another() -> None:
    assert everything(train(new_vae(), 2)) == everything(train(new_vae(), 2))
    assert train(new_vae(seed=4), 2).theta.tolist() != train(new_vae(), 2).theta.tolist()


def test_a_run_neither_reads_nor_moves_the_global_generator() -> None:
    np.random.seed(1)  # noqa: NPY002 (the generator that must not matter)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    expected = everything(train(new_vae(), 1))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert everything(train(new_vae(), 1)) == expected


# ------------------------------------------------------------------------------------- validation and callbacks


def test_validation_changes_nothing_but_its_own_columns_and_stream(backend: Backend) -> None:
    plain, validated = train(new_vae(backend), 3), train(new_vae(backend), 3, validation=HELD_OUT)
    columns = [validated.history.columns.pop(f"validation_{name}") for name in validated.term_names]
    np.testing.assert_allclose(columns, _validation_by_hand(backend), rtol=1e-6)
    assert validated.streams["validation"].draw == 3
    validated.streams["validation"] = plain.streams["validation"]
    assert everything(validated) == everything(plain)


def _validation_by_hand(backend: Backend) -> np.ndarray:
    """Train epoch by epoch and evaluate after each: (terms, epochs)."""
    model, rows = new_vae(backend), []
    for _ in range(3):
        train(model, 1)
        noise = model.streams["validation"].normal((len(HELD_OUT), 2), model.dtype)
        rows.append(model.loss_and_grad(HELD_OUT, noise)[0])
    return np.array(rows, dtype=float).T


def test_validation_weights_its_short_batch_rightly() -> None:
    model = new_vae(beta=1.0, dtype="float64")
    by_hand = new_vae(beta=1.0, dtype="float64")
    train(model, 1, validation=X[:5], batch_size=4)
    train(by_hand, 1, batch_size=4)
    stream = by_hand.streams["validation"]
    losses = [by_hand.loss_and_grad(part, stream.normal((len(part), 2), "float64"))[0].loss for part in (X[:4], X[4:5])]
    assert model.history.validation_loss == [pytest.approx((4 * losses[0] + losses[1]) / 5, rel=1e-14)]


def test_validation_that_is_not_finite_is_recorded_and_does_not_stop_training(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_vae()
    monkeypatch.setattr(model, "evaluate_terms", lambda *args: VAETerms(np.nan, np.inf, -np.inf))
    train(model, 2, validation=HELD_OUT)
    assert np.isnan(model.history.validation_loss).all()
    assert model.history.validation_reconstruction == [np.inf, np.inf]


def test_callbacks_see_each_finished_epoch_in_their_order() -> None:
    calls: list[Any] = []
    callbacks = [lambda m: calls.append(("first", m.epoch, m.step, len(m.history))), lambda m: calls.append("second")]
    train(new_vae(), 2, callbacks=callbacks)
    assert calls == [("first", 1, STEPS, 1), "second", ("first", 2, 2 * STEPS, 2), "second"]


@pytest.mark.parametrize("true", [True, np.True_])
def test_training_ends_after_the_callbacks_of_the_epoch_in_which_one_returned_true(true: Any) -> None:
    calls: list[int] = []
    model = train(new_vae(), 9, callbacks=[lambda m: true if m.epoch == 2 else False, lambda m: calls.append(m.epoch)])
    assert (model.epoch, calls) == (2, [1, 2])


@pytest.mark.parametrize("value", [None, False, np.False_, 1, "stop", [1], np.ones(2)])
def test_what_else_a_callback_returns_does_not_end_training(value: Any) -> None:
    assert train(new_vae(), 2, callbacks=[lambda model: value]).epoch == 2


def test_sampling_in_a_callback_changes_nothing_else() -> None:
    sampled = train(new_vae(), 2, callbacks=[lambda model: model.sample(3), lambda model: model.elbo(HELD_OUT)])
    assert sampled.streams.pop("sampling").draw > 0
    plain = train(new_vae(), 2)
    del plain.streams["sampling"]
    assert everything(sampled) == everything(plain)


def test_the_progress_bar_shows_the_terms_and_is_absent_where_it_is_not_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(new_vae(), 2, progress=False)
    assert capsys.readouterr() == ("", "")
    model = train(new_vae(), 2, progress=True)
    shown = capsys.readouterr().err
    assert f"{2 * STEPS}/{2 * STEPS}" in shown
    assert f"kl={model.history.kl[-1]:.2f}" in shown


# ---------------------------------------------------------------------------------------------- optimiser and reset


def test_another_optimiser_starts_afresh_and_an_equal_one_goes_on() -> None:
    model = train(new_vae(), 1, optimizer=sg.Adam(1e-3))
    train(model, 1, optimizer=sg.Adam(1e-3))
    assert model.optimizer_state.n_steps == 2 * STEPS
    train(model, 1)
    assert model.optimizer_state.n_steps == 3 * STEPS
    train(model, 1, optimizer=sg.Adam(2e-3))
    assert (model.optimizer_state.n_steps, model.step) == (STEPS, 4 * STEPS)
    train(model, 1, optimizer=sg.SGD(1e-3, momentum=0.5))
    assert (model.optimizer_state.n_steps, set(model.optimizer_state.arrays)) == (STEPS, {"velocity"})
    train(model, 1, optimizer=sg.SGD(1e-3))
    assert (model.optimizer_state.n_steps, model.optimizer_state.arrays) == (STEPS, {})


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, None])
def test_reset_gives_a_new_model(backend: Backend, optimizer: Any) -> None:
    model = train(new_vae(backend), 2, optimizer=optimizer, validation=HELD_OUT)
    model.sample(2)
    model.reset()
    assert everything(model) == everything(new_vae(backend))
    assert everything(train(model, 2)) == everything(train(new_vae(backend), 2))


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1"),
        ({"epochs": 2.0}, "epochs must be an integer >= 1"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1"),
        ({"checkpoint_every": 0}, "checkpoint_every must be an integer >= 1"),
        ({"optimizer": "adam"}, "optimizer must be Adam"),
        ({"validation": X[:, :3]}, "validation must have shape"),
        ({"validation": X + 1}, r"validation must lie in \[0, 1\]"),
        ({"callbacks": len}, "callbacks must be a list of functions"),
        ({"callbacks": [1]}, "callbacks must be a list of functions"),
        ({"x": X * np.nan}, "x has NaN"),
        ({"x": X[:0]}, "x has no rows"),
        ({"checkpoint": "no/such/folder/model.safetensors"}, "there is no folder"),
        ({"checkpoint": "model.safetensors", "optimizer": sg.SGD(lambda step: 0.1)}, "a checkpoint cannot hold"),
    ],
)
def test_bad_options_are_refused_before_the_first_step(
    options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = new_vae()
    with pytest.raises(InputError, match=message):
        model.fit(**{"x": X, "epochs": 1, "progress": False} | options)
    assert (model.step, model.streams["shuffling"].draw, list(tmp_path.iterdir())) == (0, 0, [])


# ------------------------------------------------------------------------------------------- divergence, interrupts


@pytest.mark.parametrize("kl", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_stops_training_with_step_terms_and_last_checkpoint(
    backend: Backend, kl: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = new_vae(backend), tmp_path / "model.safetensors"
    poison(model, 2 * STEPS + 1, monkeypatch, with_kl(kl))
    with pytest.raises(TrainingError) as stopped:
        train(model, 5, checkpoint=path)
    message = str(stopped.value)
    assert "at step 7: " in message
    assert f"kl = {kl:g}; the last checkpoint is {path} (after epoch 2)" in message
    assert (model.step, model.epoch, len(model.history)) == (2 * STEPS + 1, 2, 2)
    assert everything(sg.load(path, backend)) == everything(train(new_vae(backend), 2))


def test_a_run_that_diverges_stops_without_a_word_from_numpy(backend: Backend) -> None:
    for optimizer in (sg.SGD(1e6), sg.Adam(1e4)):
        model = new_vae(backend, likelihood="gaussian", beta=1.0)
        with pytest.raises(TrainingError, match=r"at step \d+: loss = .*; no checkpoint was written before\. Try"):
            train(model, 50, optimizer=optimizer)


def test_parameters_that_the_last_step_of_an_epoch_spoiled_are_not_saved(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = new_vae(backend), tmp_path / "model.safetensors"
    train(model, 1, checkpoint=path)
    before = path.read_bytes()
    poison(model, 2 * STEPS - 1, monkeypatch, lambda terms: (model.params.heads.mean.b.fill(np.inf), terms)[1])
    with pytest.raises(TrainingError, match="a parameter became NaN or infinite at step 5"):
        train(model, 1, checkpoint=path)
    assert path.read_bytes() == before


def test_terms_kept_on_a_device_are_checked_at_the_end_of_the_epoch() -> None:
    device = SimpleNamespace(xp=SimpleNamespace(empty=np.empty))
    seen: list[tuple[float, int]] = []
    model: Any = SimpleNamespace(backend=device, term_names=("loss", "kl"), step=40)
    model.check_terms = lambda terms, step: seen.append((terms.kl, step))
    recorder = TermRecorder(model, 2, "somewhere")
    recorder.add(SimpleNamespace(loss=1.0, kl=2.0), 8)
    recorder.add(SimpleNamespace(loss=np.nan, kl=2.0), 8)
    with pytest.raises(TrainingError, match="at step 41: loss = nan, kl = 2; the last checkpoint is somewhere"):
        recorder.means()
    assert seen == [(2.0, 40), (2.0, 41)]


def test_an_interrupt_inside_an_epoch_leaves_the_last_checkpoint_whole(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = new_vae(backend), tmp_path / "model.safetensors"
    poison(model, 2 * STEPS + 1, monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(model, 5, checkpoint=path)
    assert list(tmp_path.iterdir()) == [path]
    assert (model.epoch, len(model.history)) == (2, 2)
    resumed = train(sg.load(path, backend), 3)
    assert everything(resumed) == everything(train(new_vae(backend), 5))


def test_an_interrupt_during_validation_does_not_count_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_vae()
    monkeypatch.setattr(model, "evaluate_terms", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(model, 2, validation=HELD_OUT)
    assert (model.epoch, len(model.history)) == (0, 0)


def test_checkpoints_are_written_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    path, saved = tmp_path / "model.safetensors", []
    look = [lambda model: saved.append(sg.load(path, "numpy").epoch if path.exists() else None)]
    train(new_vae(), 5, checkpoint=str(path), checkpoint_every=2, callbacks=look)
    assert (saved, sg.load(path, "numpy").epoch) == ([None, None, 2, 2, 4], 5)
    train(new_vae(), 9, checkpoint=path, checkpoint_every=5, callbacks=[lambda model: model.epoch == 3])
    assert sg.load(path, "numpy").epoch == 3


# ------------------------------------------------------------------------------------------------------ environment


def test_training_that_goes_on_in_another_environment_is_announced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train(new_vae(), 1)
    began_with = model.environment
    model.save(tmp_path / "model.safetensors")
    monkeypatch.setattr(loop, "describe_environment", lambda backend: "openblas for Zen, 9 threads")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed = sg.load(tmp_path / "model.safetensors", "numpy")
        train(new_vae(), 1)
    with pytest.warns(
        ReproducibilityWarning, match=f"with openblas for Zen, 9 threads; it ran with {began_with} so far"
    ):
        train(resumed, 1)
    assert resumed.environment == "openblas for Zen, 9 threads"
    train(resumed, 1)  # warnings are errors here
