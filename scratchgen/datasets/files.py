"""Published files: found in ``$SCRATCHGEN_DATA``, else in the user's cache, else downloaded into that cache.

A file is looked for as it was published, decompressed, and compressed by gzip (``name.gz``). What is found is never
changed: a damaged or foreign file is an error that names it. Two checksums guard against wrong data: for a download the
SHA-256 of the published file, and for whatever is read the CRC-32 of its decompressed contents (`gzip -lv` prints it).
"""

from __future__ import annotations

import gzip
import lzma
import os
import textwrap
import zlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from scratchgen.errors import FileFormatError, InputError

DATA_VARIABLE = "SCRATCHGEN_DATA"
_GZIP_MAGIC, _XZ_MAGIC = b"\x1f\x8b", b"\xfd7zXZ\0"


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it.

    Attributes
    ----------
    name : str
        File name, ending in ``.gz`` or ``.xz`` where it is compressed.
    sha256 : str
        Of the published file.
    crc32 : int or None
        Of the decompressed contents; None where it is not known, and only the reader can tell foreign contents.
    """

    name: str
    sha256: str
    crc32: int | None

    @property
    def decompressed_name(self) -> str:
        """Name of the file without the ending of its compression."""
        return self.name.removesuffix(".gz").removesuffix(".xz")


@dataclass(frozen=True)
class Collection:
    """The files of one data set, and the addresses that serve them.

    Attributes
    ----------
    name : str
        The data set's name.
    addresses : tuple of str
        Folders on the network, the official one first; each ends in a slash. None where nobody serves the files.
    files : tuple of PublishedFile
    part_of : str
        The data set whose folder holds the files; by default the collection's own name.
    subset : Collection, optional
        A data set that is a part of this one: it may be on a machine where the whole is not.
    """

    name: str
    addresses: tuple[str, ...]
    files: tuple[PublishedFile, ...]
    part_of: str = ""
    subset: Collection | None = None

    @property
    def folder(self) -> str:
        """Name of the folder that holds the files, below each of the places."""
        return (self.part_of or self.name).replace("-", "_")


def user_cache() -> Path:
    """Return the folder that downloads go to (on Linux ``$XDG_CACHE_HOME/scratchgen`` or ``~/.cache/scratchgen``)."""
    return Path(platformdirs.user_cache_dir("scratchgen"))


def places(collection: Collection) -> list[Path]:
    """Return the folders of this machine that may hold `collection`, in the order in which they are tried."""
    data = os.environ.get(DATA_VARIABLE)
    roots = [Path(data).expanduser()] if data else []
    return [root / collection.folder for root in (*roots, user_cache())]


def find(collection: Collection) -> dict[PublishedFile, Path | None]:
    """Return where each file of `collection` lies on this machine, compressed or not; None for those that do not."""
    return {file: _find(file, places(collection)) for file in collection.files}


def is_present(collection: Collection) -> bool:
    """Say whether all files of `collection` lie on this machine. They are looked for, not opened."""
    return None not in find(collection).values()


def _find(file: PublishedFile, folders: list[Path]) -> Path | None:
    names = (file.name, file.decompressed_name, f"{file.decompressed_name}.gz")
    candidates = (folder / name for folder in folders for name in names)
    return next((path for path in candidates if os.path.isfile(path)), None)  # unlike Path.is_file, never raises


def fetch(address: str, file: PublishedFile, folder: Path) -> None:
    """Download `file` from `address` into `folder`; it appears there whole and verified, or not at all."""
    import pooch  # only a download pays for it

    pooch.retrieve(
        address + file.name, known_hash=f"sha256:{file.sha256}", fname=file.name, path=folder, progressbar=True
    )


def locate(collection: Collection) -> list[Path]:
    """Return the path of each file of `collection`, after downloading those that are not on this machine.

    Raises
    ------
    InputError
        If a file is nowhere on this machine and cannot be downloaded; the message names all places that were tried.
    """
    found = find(collection)
    missing = [file for file, path in found.items() if path is None]
    if missing:
        _download(collection, missing)
    folder = user_cache() / collection.folder
    return [path or folder / file.name for file, path in found.items()]


def _download(collection: Collection, missing: list[PublishedFile]) -> None:
    folder = user_cache() / collection.folder
    reasons = []  # in the message; chained tracebacks of three failed downloads would fill screens
    for address in collection.addresses:
        try:
            for file in missing:
                fetch(address, file, folder)  # one that an earlier address already gave is not fetched again
            return
        except (OSError, ValueError) as error:  # pooch: ValueError for a wrong checksum; all else is an OSError
            reasons.append(f"{address} ({type(error).__name__}: {textwrap.shorten(str(error), 120)})")
    network = ", ".join(reasons) or "no address, for nobody serves these files"
    advice = ", or try again with a network connection" if reasons else ""
    data = os.environ.get(DATA_VARIABLE)
    setting = f"{DATA_VARIABLE} is {data}" if data else f"{DATA_VARIABLE} is not set"
    subset = collection.subset
    if subset is not None and is_present(subset):
        advice += f". A subset of it is on this machine: {subset.name!r}"
    raise InputError(
        f"data set {collection.name!r} is not on this machine and could not be downloaded. "
        f"Missing: {', '.join(file.name for file in missing)}. "
        f"Tried: (1) ${DATA_VARIABLE}/{collection.folder} ({setting}); "
        f"(2) {folder}; (3) {network}. "
        f"Put the files, compressed or not, into (1) or (2){advice}."
    )


def read_contents(path: Path) -> bytes:
    """Return the contents of a file, decompressed if they are gzip's or xz's, whatever the file is called.

    Raises
    ------
    FileFormatError
        If it cannot be read or decompressed whole.
    """
    try:
        contents = path.read_bytes()
        # by content, not by suffix: browsers unpack a download and keep the ".gz" of its name
        if contents.startswith(_GZIP_MAGIC):
            return gzip.decompress(contents)
        return lzma.decompress(contents) if contents.startswith(_XZ_MAGIC) else contents
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise damaged(path, f"cannot be read whole ({error})") from error


def check_published(contents: bytes, file: PublishedFile, path: Path) -> None:
    """Raise FileFormatError unless `contents` are those that were published as `file`, as far as that is known."""
    crc32 = zlib.crc32(contents)
    if file.crc32 is not None and crc32 != file.crc32:
        expected = f"the published {file.decompressed_name}, whose contents have the CRC-32 {file.crc32:08x}"
        raise damaged(path, f"expected {expected}, got contents with {crc32:08x}")


def damaged(path: Path, problem: str) -> FileFormatError:
    """Return the error that says what is wrong with the file at `path`, and what to do."""
    return FileFormatError(
        f"{path}: {problem}. Replace it by the published file, or remove it to have that downloaded."
    )
