"""Contenders on a GPU: whether there is one, and how to wait for it. Elsewhere their rows say why they are absent."""

from __future__ import annotations


def require_torch_device(device: str) -> None:
    """Refuse a GPU that PyTorch does not find."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModuleNotFoundError("PyTorch finds no GPU here")


def synchronise_cuda() -> None:
    """Wait for what CuPy's stream still has to do."""
    import cupy

    cupy.cuda.get_current_stream().synchronize()


def synchronise_torch() -> None:
    """Wait for what PyTorch has asked of the GPU."""
    import torch

    torch.cuda.synchronize()
