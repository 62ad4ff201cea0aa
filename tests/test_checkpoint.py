"""Weights files: resumed training equals training that was not stopped, and no file but a whole one is taken."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

import scratchgen as sg
from scratchgen.backend import Backend
from scratchgen.errors import BackendError, FileFormatError, InputError
from scratchgen.models.model import State
from scratchgen.schedules import CyclicalWarmup, LinearWarmup

X = np.random.default_rng(0).random((23, 6))
HELD_OUT = np.random.default_rng(1).random((5, 6))
OPTIMIZERS = [sg.Adam(LinearWarmup(7, 1e-3, 2e-2)), sg.SGD(LinearWarmup(7, 1e-4, 1e-3), momentum=0.9)]
RESUME = """
import sys, numpy as np, scratchgen as sg
path, data, backend = sys.argv[1:]
model = sg.load(path, backend)
x, held_out = np.load(data).values()
model.fit(x, epochs=2, batch_size=8, validation=held_out, progress=False)
model.save(path)
"""


def new_vae(backend: str | Backend = "numpy", **settings: Any) -> sg.VAE:
    return sg.VAE(6, (5,), 2, **{"beta": CyclicalWarmup(4), "seed": 3} | settings, backend=backend)


def train(model: sg.VAE, epochs: int, **options: Any) -> sg.VAE:
    model.fit(X, epochs=epochs, batch_size=8, validation=HELD_OUT, progress=False, **options)
    return model


def everything(model: sg.VAE) -> dict[str, Any]:
    """Return settings and state to compare, arrays as bytes; seconds are another matter."""
    state = model.state()
    history = {name: column for name, column in model.history.columns.items() if name != "seconds"}
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return model.settings | state.values | {"history": history} | arrays


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any], dict[str, np.ndarray]]:
    """The bytes of a file, its description and its arrays."""
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    train(new_vae(), 2).save(path)
    with safe_open(path, "np") as file:
        header = json.loads(file.metadata()["scratchgen"])
    return path.read_bytes(), header, safetensors.numpy.load_file(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changed")


def with_header(header: Any, arrays: dict[str, np.ndarray]) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return safetensors.numpy.save(arrays, {"scratchgen": text})


def assert_refused(path: Path, content: bytes, *reasons: str) -> None:
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as refused:
        sg.load(path)
    for reason in (str(path), *reasons):
        assert reason in str(refused.value)
    assert path.read_bytes() == content


def test_arrays_that_do_not_lie_row_by_row_are_saved_as_they_are(tmp_path: Path) -> None:
    """What safetensors writes is the memory of an array, whatever its order."""
    m1, path = sg.M1(6, 3, (4,), 2, seed=0), tmp_path / "m1.safetensors"
    codes = np.asfortranarray(np.arange(8, dtype=np.float32).reshape(4, 2))
    m1._remember(codes, np.array([0, 1, 2, 0]))
    m1.save(path)
    np.testing.assert_array_equal(sg.load(path).codes, codes)


# ------------------------------------------------------------------------------------------------------------ resume


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_stopped_after_any_epoch_and_resumed_is_training_that_was_not_stopped(
    backend: Backend, dtype: str, optimizer: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    settings = {"dtype": dtype, "likelihood": "gaussian", "sigma": "learned", "n_samples": 2}
    uninterrupted = everything(train(new_vae(backend, **settings), 4, optimizer=optimizer))
    for n_before in range(1, 4):
        train(new_vae(backend, **settings), n_before, optimizer=optimizer).save(path)
        assert everything(train(sg.load(path, backend), 4 - n_before)) == uninterrupted


def test_training_resumed_in_a_fresh_process_goes_on_to_the_bit(backend: Backend, tmp_path: Path) -> None:
    path, data = tmp_path / "model.safetensors", tmp_path / "data.npz"
    np.savez(data, X, HELD_OUT)
    train(new_vae(backend), 2, optimizer=OPTIMIZERS[0]).save(path)
    subprocess.run([sys.executable, "-W", "error", "-c", RESUME, path, data, backend.name], check=True)
    expected = everything(train(new_vae(backend), 4, optimizer=OPTIMIZERS[0]))
    assert everything(sg.load(path, backend)) == expected


def test_a_model_before_training_is_saved_and_loaded_whole(backend: Backend, tmp_path: Path) -> None:
    model = new_vae(backend, seed=np.int64(9), sigma=np.float32(0.5), likelihood="gaussian", decoder_hidden=(4, 3))
    model.save(tmp_path / "model.safetensors")
    loaded = sg.load(tmp_path / "model.safetensors", backend)
    assert everything(loaded) == everything(model)
    assert (type(loaded), loaded.backend) == (sg.VAE, model.backend)
    assert loaded.sample(3).tobytes() == model.sample(3).tobytes()


def test_saving_and_loading_draw_nothing_and_change_nothing(tmp_path: Path) -> None:
    model = train(new_vae(), 1)
    before = everything(model)
    model.save(tmp_path / "model.safetensors")
    sg.load(tmp_path / "model.safetensors", "numpy").sample(3)
    assert everything(model) == before


def test_a_model_moves_to_another_backend_with_its_whole_state_even_what_no_file_holds() -> None:
    model = train(new_vae("numpy", beta=lambda step: 0.5), 2, optimizer=sg.Adam(lambda step: 1e-3))
    before = everything(model)
    moved = model.to("cpu")
    assert moved.backend.name == "cpu"
    assert everything(moved) == before
    train(moved, 1)
    assert everything(model) == before


# --------------------------------------------------------------------------------------------------------- the file


def test_the_file_is_safetensors_with_one_json_text(saved: Any) -> None:
    _, header, arrays = saved
    assert header.keys() == {"format", "version", "model", "settings", "values"}
    assert (header["format"], header["version"], header["model"]) == ("scratchgen model", 2, "VAE")
    model = train(new_vae(), 2)
    assert arrays.keys() == {"theta", "optimizer.m", "optimizer.v"}
    np.testing.assert_array_equal(arrays["theta"], model.theta)


def test_a_path_may_be_a_text_or_a_path_or_a_link(tmp_path: Path) -> None:
    model, path = new_vae(), tmp_path / "model.safetensors"
    model.save(str(path))
    first = path.read_bytes()
    link = tmp_path / "latest"
    link.symlink_to(path)
    train(model, 1).save(link)
    assert link.is_symlink()
    assert path.read_bytes() != first
    assert everything(sg.load(str(link), "numpy")) == everything(sg.load(path, "numpy")) == everything(model)


def test_the_mode_of_the_file_obeys_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        new_vae().save(tmp_path / "model.safetensors")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "model.safetensors").stat().st_mode) == 0o640


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    call: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    new_vae().save(path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises((InputError, KeyboardInterrupt)) as failed:
        train(new_vae(), 1).save(path)
    assert isinstance(error, KeyboardInterrupt) or f"cannot write {path}: No space left" in str(failed.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_written_under_another_name_in_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, moves = tmp_path / "model.safetensors", []
    replace = os.replace
    monkeypatch.setattr(
        os, "replace", lambda a, b: (moves.append((Path(a), Path(b), Path(a).stat().st_size)), replace(a, b))
    )
    new_vae().save(path)
    [(source, target, size)] = moves
    assert (source.parent, target, size) == (tmp_path, path, path.stat().st_size)
    assert source != target


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("missing/model", r"there is no folder .*missing; make it first"),
        ("file/model", r"there is no folder .*file; make it first"),
        *((place, "it is a folder or a device; give the name of a file") for place in ("", ".", "folder", "pipe")),
    ],
)
def test_a_place_that_cannot_be_written_to_is_an_input_error(
    place: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("folder").mkdir()
    os.mkfifo("pipe")  # stands for a device: nothing that is no file may be replaced by one
    with pytest.raises(InputError, match=f"cannot write {place}: {reason}"):
        new_vae().save(place)
    assert Path("file").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "pipe"]
    assert Path("pipe").is_fifo()


def test_a_folder_of_somebody_else_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda folder, mode: (Path(folder), mode) != (tmp_path, os.W_OK))
    with pytest.raises(InputError, match=r"the folder .* is not yours to write to"):
        new_vae().save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["beta", "learning rate"])
def test_a_schedule_of_the_users_is_refused_before_anything_is_written(where: str, tmp_path: Path) -> None:
    model = new_vae(beta=lambda step: 1.0) if where == "beta" else new_vae()
    if where == "learning rate":
        model.use_optimizer(sg.SGD(lambda step: 0.1))
    with pytest.raises(InputError, match="a checkpoint cannot hold <function"):
        model.save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------ other files


def test_a_file_cut_anywhere_is_refused(saved: Any, tmp_path: Path) -> None:
    content = saved[0]
    header_end = 8 + int.from_bytes(content[:8], "little")
    edges = {0, 1, 7, 8, 9, header_end - 1, header_end, header_end + 1, len(content) - 1}
    for n_bytes in sorted(edges | set(range(0, len(content), 101))):
        assert_refused(tmp_path / "cut.safetensors", content[:n_bytes], "cannot be read as a weights file")
    assert_refused(tmp_path / "long.safetensors", content + b"\0", "cannot be read as a weights file")


@given(st.data())
def test_a_file_with_a_byte_of_its_description_changed_is_read_or_refused(
    saved: Any, folder: Path, data: st.DataObject
) -> None:
    content = bytearray(saved[0])
    header_end = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, header_end - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(folder / "changed.safetensors", bytes(content))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(folder: Path, content: bytes) -> None:
    assert_refused(folder / "any.safetensors", content, "cannot be read as a weights file")


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F16", "C64"])
def test_weights_of_other_libraries_are_refused_whatever_their_type(dtype: str, tmp_path: Path) -> None:
    n_bytes = {"BF16": 4, "F8_E4M3": 2, "F16": 4, "C64": 16}[dtype]
    for metadata, reason in (
        ({}, "not one of scratchgen's"),
        ({"format": "pt"}, "not one of"),
        ({"scratchgen": "{}"}, ""),
    ):
        weight = {"dtype": dtype, "shape": [2], "data_offsets": [0, n_bytes]}
        text = json.dumps({"weight": weight, "__metadata__": metadata}).encode()
        content = len(text).to_bytes(8, "little") + text + bytes(n_bytes)
        assert_refused(tmp_path / "foreign.safetensors", content, reason)


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.safetensors", ""):
        with pytest.raises(FileFormatError, match="does not exist or is not a file"):
            sg.load(path)


def test_an_unknown_backend_is_not_the_fault_of_the_file(saved: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(saved[0])
    with pytest.raises(BackendError, match="unknown backend 'gpu'"):
        sg.load(tmp_path / "model.safetensors", "gpu")


# ----------------------------------------------------------------------------------- files whose description is wrong


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"text"', "[" * 100_000, '{"a":' * 100_000])
def test_a_description_that_is_no_json_object_is_refused(saved: Any, tmp_path: Path, text: str) -> None:
    assert_refused(tmp_path / "model.safetensors", with_header(text, saved[2]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"version": 1},  # whose parameters lie in another order
            "is 'scratchgen model' version 1; this is 'scratchgen model' version 2: load it with the release",
        ),
        ({"version": None}, "version None"),
        ({"format": "scratchgen data"}, "is 'scratchgen data' version 2"),
        ({"model": "RBM2000"}, "holds a model 'RBM2000', which this release does not know"),
        ({"model": "os.system"}, "holds a model 'os.system'"),
        ({"model": ["VAE"]}, "holds a model ['VAE']"),
        ({"settings": None}, "does not describe a VAE"),
        ({"settings": []}, "does not describe a VAE"),
        ({"values": {}}, "expected the values ['environment', 'epoch', "),
    ],
)
def test_another_version_or_model_is_refused_by_name(
    saved: Any, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    assert_refused(tmp_path / "model.safetensors", with_header(saved[1] | changes, saved[2]), reason)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"n_visible": 7}, "theta should be float32 of shape"),
        ({"n_visible": 2**62}, ""),
        ({"n_visible": 10**400}, ""),
        ({"n_visible": "6"}, "n_visible must be an integer >= 1"),
        ({"hidden": [5, 2**45]}, ""),
        ({"hidden": None}, "hidden must be a tuple"),
        ({"dtype": "float64"}, "theta should be float64 of shape"),
        ({"dtype": "object"}, "dtype must be one of"),
        ({"likelihood": "poisson"}, "likelihood must be one of"),
        ({"activation": ["relu"]}, "activation"),
        ({"beta": {"kind": "os.system"}}, "not the description of an optimiser or a schedule"),
        ({"beta": {"kind": "Adam"}}, "beta must be a finite number >= 0 or a schedule"),
        ({"seed": -1}, "seed must be an integer"),
        ({"backend": "cpu"}, "backend"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_fit_no_model_are_refused(
    saved: Any, tmp_path: Path, setting: dict[str, Any], reason: str
) -> None:
    header = saved[1] | {"settings": saved[1]["settings"] | setting}
    assert_refused(tmp_path / "model.safetensors", with_header(header, saved[2]), "does not describe a VAE", reason)


@pytest.mark.parametrize("part", ["format", "version", "model", "settings", "values"])
def test_a_description_with_a_part_missing_is_refused(saved: Any, tmp_path: Path, part: str) -> None:
    header = {name: value for name, value in saved[1].items() if name != part}
    assert_refused(tmp_path / "model.safetensors", with_header(header, saved[2]))


WRONG_VALUES: dict[str, Any] = {
    "step": [-1, 1.5, float("inf"), None, "3", True],
    "epoch": [-1, float("nan"), []],
    "optimizer_steps": [-1, 1e400],
    "streams": [None, [], {}, {"shuffling": [0, 0, 0]}],
    "optimizer": [None, 3, {}, {"kind": "LinearWarmup", "n_steps": 3}, {"kind": "SGD"}],
    "history": [None, 3, {"loss": "12"}, {"loss": [1.0], "kl": []}, {"loss": 3}, {"loss": [{}]}],
    "environment": [3, {}],
    "chains": [[0.0]],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG_VALUES.items() for value in values]
)
def test_values_that_are_no_state_are_refused(saved: Any, tmp_path: Path, name: str, value: Any) -> None:
    header = saved[1] | {"values": saved[1]["values"] | {name: value}}
    assert_refused(tmp_path / "model.safetensors", with_header(header, saved[2]), "not the state of such a model")


@pytest.mark.parametrize(
    "words", [[0, 0], [2**32, 0, 0], [0, -1, 0], [0, 0, 2**60], [0.0, 0, 0], "000", None, {"0": 0}]
)
def test_a_stream_that_is_none_is_refused(saved: Any, tmp_path: Path, words: Any) -> None:
    streams = saved[1]["values"]["streams"] | {"shuffling": words}
    header = saved[1] | {"values": saved[1]["values"] | {"streams": streams}}
    assert_refused(tmp_path / "model.safetensors", with_header(header, saved[2]), "not the state of such a model")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 99)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([2**64, -(2**70)]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("kind"), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_a_description_with_any_part_replaced_is_read_or_refused(saved: Any, folder: Path, data: st.DataObject) -> None:
    header = json.loads(json.dumps(saved[1]))
    node, key = header, data.draw(st.sampled_from(sorted(header)))
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 3)):
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node)) if isinstance(node, dict) else st.integers(0, len(node) - 1))
    if data.draw(st.booleans()):
        node[key] = data.draw(JSON)
    else:
        del node[key]
    read_or_refuse(folder / "replaced.safetensors", with_header(header, saved[2]))


def read_or_refuse(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        model = sg.load(path, "numpy")
    except FileFormatError as error:
        assert str(path) in str(error)  # noqa: PT017 (it may also be read)
    else:
        assert isinstance(model, sg.VAE)
        assert model.sample(2).shape == (2, 6)
    assert path.read_bytes() == content


WRONG_ARRAYS: dict[str, Any] = {
    "missing": lambda arrays: {"theta": arrays["theta"]},
    "none": lambda arrays: {},
    "one more": lambda arrays: arrays | {"chains": np.zeros(3, np.float32)},
    "of another optimiser": lambda arrays: {"theta": arrays["theta"], "optimizer.velocity": arrays["optimizer.m"]},
    "shorter": lambda arrays: arrays | {"theta": arrays["theta"][:-1]},
    "of two dimensions": lambda arrays: arrays | {"optimizer.v": arrays["optimizer.v"].reshape(1, -1)},
    "of another type": lambda arrays: arrays | {"optimizer.m": arrays["optimizer.m"].astype(np.float64)},
    "of integers": lambda arrays: arrays | {"theta": arrays["theta"].astype(np.int32)},
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_arrays_that_are_not_the_models_are_refused(saved: Any, tmp_path: Path, name: str) -> None:
    content = with_header(saved[1], WRONG_ARRAYS[name](saved[2]))
    assert_refused(tmp_path / "model.safetensors", content, "not the state of such a model")


@pytest.mark.parametrize("change", [{"epoch": -1}, {"optimizer": sg.SGD()}, {"history": None}, {"streams": {}}])
def test_a_model_that_cannot_be_restored_stays_as_it_was(change: dict[str, Any]) -> None:
    model, other = train(new_vae(), 1), train(new_vae(seed=5), 2)
    before = everything(model)
    state = other.state()
    with pytest.raises(FileFormatError, match="not the state of such a model"):
        model.restore(State(state.arrays, state.values | change))
    assert everything(model) == before
    assert everything(train(model, 1)) == everything(train(new_vae(), 2))


def test_a_restored_model_shares_nothing_with_the_state_it_came_from() -> None:
    first, second = train(new_vae(), 1), new_vae()
    second.restore(first.state())
    before = everything(first)
    train(second, 1)
    assert everything(first) == before
    assert np.shares_memory(second.theta, second.params.heads.mean.W)
