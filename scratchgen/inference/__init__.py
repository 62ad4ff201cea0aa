"""Partition functions of restricted Boltzmann machines, estimators of log p(x), and variational inference."""
