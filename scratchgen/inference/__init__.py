"""Partition functions of restricted Boltzmann machines: exact, by annealed importance sampling, and bounds."""
