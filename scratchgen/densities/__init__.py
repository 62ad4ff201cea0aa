"""Densities with known gradients and known integrals, which samplers can be held against: one a file."""
