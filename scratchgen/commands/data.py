"""``scratchgen data``: which data sets there are, and which of them are on this machine."""

from __future__ import annotations

from scratchgen.datasets import available


def print_data_sets() -> None:
    """Print a line for each data set: name, sizes, whether it is present, and where."""
    print(f"{'name':18}{'train':>7}{'test':>8}{'example':>9}  {'present':9}where")
    for entry in available():
        example = "point" if entry.image_shape is None else "×".join(map(str, entry.image_shape))
        sizes = f"{entry.n_train:7,}{entry.n_test:8,}{example:>9}"
        print(f"{entry.name:18}{sizes}  {'yes' if entry.present else 'no':9}{entry.where}")
