"""Markov chain samplers, one algorithm a file: a function that makes a state, and steps that advance it."""
