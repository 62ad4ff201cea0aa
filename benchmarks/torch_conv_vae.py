"""The convolutional VAE of `benchmarks.conv_vae_step` in PyTorch, written as its users write it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvVAE(nn.Module):
    """VAE of 28 x 28 grey images: convolutions to 32 and 64 maps, and transposed ones back.

    Padding is TensorFlow's "same": with stride 2 and kernel 3 a row and a column of zeros after an even image. The
    transposed convolutions are cut accordingly, at the end.
    """

    def __init__(self, n_dense: int, n_latent: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, stride=2)
        self.conv2 = nn.Conv2d(32, 64, 3, stride=2)
        self.dense = nn.Linear(64 * 7 * 7, n_dense)
        self.mean = nn.Linear(n_dense, n_latent)
        self.log_var = nn.Linear(n_dense, n_latent)
        self.decoder = nn.Linear(n_latent, 64 * 7 * 7)
        self.transposed1 = nn.ConvTranspose2d(64, 64, 3, stride=2)
        self.transposed2 = nn.ConvTranspose2d(64, 32, 3, stride=2)
        self.output = nn.ConvTranspose2d(32, 1, 3, stride=1, padding=1)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return (logits, mean, log_var) of rows of pixels."""
        images = x.view(-1, 1, 28, 28)
        h = F.relu(self.conv1(F.pad(images, (0, 1, 0, 1))))
        h = F.relu(self.conv2(F.pad(h, (0, 1, 0, 1))))
        h = F.relu(self.dense(h.flatten(1)))
        mean, log_var = self.mean(h), self.log_var(h)
        if noise is None:
            noise = torch.randn_like(mean)
        z = mean + torch.exp(0.5 * log_var) * noise
        g = F.relu(self.decoder(z)).view(-1, 64, 7, 7)
        g = F.relu(self.transposed1(g)[:, :, :14, :14])
        g = F.relu(self.transposed2(g)[:, :, :28, :28])
        return self.output(g).flatten(1), mean, log_var
