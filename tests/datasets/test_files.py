from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.datasets import files
from scratchgen.datasets.files import Collection, PublishedFile, check_published, find, locate, read_contents
from scratchgen.errors import FileFormatError, InputError

CONTENTS = {"a.gz": b"the contents of a", "b.gz": b"the contents of b"}
PUBLISHED = {name: gzip.compress(contents) for name, contents in CONTENTS.items()}
COLLECTION = Collection(
    name="two-files",
    addresses=("http://first.invalid/", "http://second.invalid/"),
    files=tuple(
        PublishedFile(name, hashlib.sha256(PUBLISHED[name]).hexdigest(), zlib.crc32(contents))
        for name, contents in CONTENTS.items()
    ),
)
A, B = COLLECTION.files

real_fetch = files.fetch  # the fixture `cache` replaces it in each test


def put(path: Path, contents: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("SCRATCHGEN_DATA", str(folder))
    return folder


# ------------------------------------------------------------------------------------------------------------ finding


def test_the_data_folder_comes_before_the_cache(data: Path, cache: Path) -> None:
    in_cache = [put(cache / "two_files" / name, contents) for name, contents in PUBLISHED.items()]
    assert locate(COLLECTION) == in_cache
    in_data = put(data / "two_files" / "a.gz", PUBLISHED["a.gz"])
    assert locate(COLLECTION) == [in_data, in_cache[1]]


def test_a_decompressed_file_is_found_under_its_name_without_gz(data: Path) -> None:
    path = put(data / "two_files" / "a", CONTENTS["a.gz"])
    assert find(COLLECTION) == {A: path, B: None}


@pytest.mark.parametrize("published", ["a", "a.xz"])
@pytest.mark.parametrize("stored", ["a", "a.gz"])
def test_a_file_is_found_decompressed_or_compressed_by_gzip_however_it_was_published(
    data: Path, published: str, stored: str
) -> None:
    file = PublishedFile(published, sha256="", crc32=None)
    path = put(data / "two_files" / stored, b"")
    assert find(replace(COLLECTION, files=(file,))) == {file: path}


def test_files_of_a_part_lie_in_the_folder_of_the_whole(data: Path) -> None:
    path = put(data / "the_whole" / "a.gz", PUBLISHED["a.gz"])
    assert find(replace(COLLECTION, part_of="the-whole")) == {A: path, B: None}


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_or_empty_variable_names_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    else:
        monkeypatch.setenv("SCRATCHGEN_DATA", value)
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "two_files" / "a.gz", PUBLISHED["a.gz"])
    assert files.places(COLLECTION) == [cache / "two_files"]


def test_a_folder_under_a_files_name_is_not_the_file(data: Path) -> None:
    (data / "two_files" / "a.gz").mkdir(parents=True)
    assert find(COLLECTION)[A] is None


# ------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize(
    "stored", [CONTENTS["a.gz"], PUBLISHED["a.gz"], lzma.compress(CONTENTS["a.gz"])], ids=["decompressed", "gzip", "xz"]
)
def test_contents_are_decompressed_whatever_the_file_is_called(tmp_path: Path, name: str, stored: bytes) -> None:
    assert read_contents(put(tmp_path / name, stored)) == CONTENTS["a.gz"]


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_a_file_cut_at_any_point_is_refused_by_name_and_left_alone(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    whole = compress(CONTENTS["a.gz"])
    for length in range(len(whole)):
        path = put(tmp_path / "a.gz", whole[:length])
        with pytest.raises(FileFormatError, match=r"a\.gz: .* Replace it"):
            check_published(read_contents(path), A, path)
        assert path.read_bytes() == whole[:length]


@given(st.integers(0, len(PUBLISHED["a.gz"]) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: int, change: int
) -> None:
    changed = bytearray(PUBLISHED["a.gz"])
    changed[position] ^= change
    path = put(tmp_path_factory.mktemp("changed") / "a.gz", bytes(changed))
    try:
        contents = read_contents(path)
        check_published(contents, A, path)
    except FileFormatError:
        return
    assert contents == CONTENTS["a.gz"]


def test_foreign_contents_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    check_published(CONTENTS["a.gz"], A, path)
    with pytest.raises(FileFormatError, match=r"a\.gz: expected the published a, "):
        check_published(CONTENTS["b.gz"], A, path)


def test_what_cannot_be_opened_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=tmp_path.name):
        read_contents(tmp_path)


# -------------------------------------------------------------------------------------------------------- downloading


def test_only_what_is_missing_is_downloaded_and_the_second_address_serves_what_the_first_does_not(
    monkeypatch: pytest.MonkeyPatch, data: Path, cache: Path
) -> None:
    present = put(data / "two_files" / "a.gz", PUBLISHED["a.gz"])
    asked = []

    def fetch(address: str, file: PublishedFile, folder: Path) -> None:
        asked.append((address, file))
        if address == COLLECTION.addresses[0]:
            raise ConnectionError("refused")
        put(folder / file.name, PUBLISHED[file.name])

    monkeypatch.setattr(files, "fetch", fetch)
    assert locate(COLLECTION) == [present, cache / "two_files" / "b.gz"]
    assert asked == [(address, B) for address in COLLECTION.addresses]


def test_a_failed_download_names_the_missing_files_and_all_places(
    monkeypatch: pytest.MonkeyPatch, data: Path, cache: Path
) -> None:
    put(data / "two_files" / "a.gz", PUBLISHED["a.gz"])

    def fetch(address: str, file: PublishedFile, folder: Path) -> None:
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(files, "fetch", fetch)
    with pytest.raises(InputError) as caught:
        locate(COLLECTION)
    message = str(caught.value)
    assert "Missing: b.gz." in message
    assert f"$SCRATCHGEN_DATA/two_files (SCRATCHGEN_DATA is {data})" in message
    assert str(cache / "two_files") in message
    for address in COLLECTION.addresses:
        assert f"{address} (ConnectionError: no network)" in message
    assert "\n" not in message
    monkeypatch.delenv("SCRATCHGEN_DATA")
    with pytest.raises(InputError, match=r"Missing: a\.gz, b\.gz\..*\(SCRATCHGEN_DATA is not set\)"):
        locate(COLLECTION)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Let pooch run in earnest, down to its one call that would open a connection; that one answers from this table."""
    import pooch

    answers: dict[str, bytes] = {}

    def answer(self: object, url: str, output_file: str, pooch: object) -> None:
        if url not in answers:
            raise ConnectionError(url)
        Path(output_file).write_bytes(answers[url])

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", answer)
    monkeypatch.setattr(files, "fetch", real_fetch)
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    return answers


def test_downloads_with_the_right_checksum_land_in_the_cache_each_from_the_address_that_has_it(
    served: dict[str, bytes], cache: Path
) -> None:
    served.update(
        {address + file.name: PUBLISHED[file.name] for address, file in zip(COLLECTION.addresses, (A, B), strict=True)}
    )
    paths = locate(COLLECTION)
    assert paths == [cache / "two_files" / "a.gz", cache / "two_files" / "b.gz"]
    assert [path.read_bytes() for path in paths] == list(PUBLISHED.values())
    served.clear()
    assert locate(COLLECTION) == paths


def test_a_download_with_a_wrong_checksum_is_refused_and_leaves_nothing_behind(
    served: dict[str, bytes], cache: Path
) -> None:
    served.update({address + "a.gz": b"<html>please log in</html>" for address in COLLECTION.addresses})
    with pytest.raises(InputError, match="does not match the known hash"):
        locate(COLLECTION)
    assert list((cache / "two_files").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_neither_downloaded_again_nor_changed(cache: Path) -> None:
    damaged = [put(cache / "two_files" / name, b"damaged") for name in PUBLISHED]
    assert locate(COLLECTION) == damaged
    assert all(path.read_bytes() == b"damaged" for path in damaged)
