"""Energy-based models: an energy by a network, Langevin chains that sample it, and two losses to train it by."""
