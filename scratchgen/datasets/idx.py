"""The idx format of MNIST and its relatives: a header of big-endian integers, then the elements in C order.

=======  ==========================================================
bytes    meaning
=======  ==========================================================
0, 1     zero
2        type of the elements; 0x08 is an unsigned byte
3        number of dimensions d
4 ...    d sizes, 4 bytes each, big-endian
then     the elements, the last index fastest, and nothing after them
=======  ==========================================================

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scratchgen.datasets.files import damaged

_UNSIGNED_BYTE = 0x08


def parse_idx(contents: bytes, path: Path) -> np.ndarray:
    """Return the array that an idx file of unsigned bytes holds.

    Parameters
    ----------
    contents : bytes
        The whole file, decompressed.
    path : Path
        Where it came from, for the error messages.

    Returns
    -------
    ndarray of uint8
        A read-only view of `contents`, in the shape that the header states.

    Raises
    ------
    FileFormatError
        If the header is not that of an idx file of unsigned bytes, or the length differs from what it states.
    """
    if len(contents) < 4 or contents[:2] != b"\0\0":
        start = contents[:4].hex(" ") or "nothing"
        raise damaged(path, f"not an idx file: expected 00 00 08 and a number of dimensions at its start, got {start}")
    element_type, n_dimensions = contents[2], contents[3]
    if element_type != _UNSIGNED_BYTE:
        raise damaged(path, f"expected unsigned bytes (idx type 08), got idx type {element_type:02x}")

    header_length = 4 + 4 * n_dimensions
    if len(contents) < header_length:
        raise damaged(path, f"ends inside its header, after {len(contents)} of {header_length} bytes")
    shape = tuple(np.frombuffer(contents, ">u4", count=n_dimensions, offset=4).tolist())
    elements = np.frombuffer(contents, np.uint8, offset=header_length)
    try:
        return elements.reshape(shape)
    except ValueError:
        raise damaged(path, f"expected {shape} elements, as its header states, got {elements.size}") from None
