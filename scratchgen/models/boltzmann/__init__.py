"""The restricted Boltzmann machine: its loss, where negative samples come from, and what it reports of itself."""
