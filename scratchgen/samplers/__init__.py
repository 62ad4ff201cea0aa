"""Samplers: each moves many chains in one call, with random numbers from a stream."""
