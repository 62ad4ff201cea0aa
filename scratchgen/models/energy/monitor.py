"""What an energy-based model reports after each epoch, besides the terms of its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.energy.energy_model import EnergyModel

N_ROWS = 1000  # the first ones of each kind


def monitor(model: EnergyModel, x: Array, validation: Array | None) -> dict[str, float]:
    """Return the mean energies of one epoch; nothing that training uses is read from a stream or changed."""
    stream = Stream(model.seed, model.backend).child(2**63 + model.epoch)  # of no other use
    kinds = {"data": x, "validation": validation, "buffer": model.buffer, "noise": model.draw_start(N_ROWS, stream)}
    return {
        f"energy_of_{name}": float(model.network.energy(model.params, states[:N_ROWS]).mean())
        for name, states in kinds.items()
        if states is not None and states.shape[0]
    }
