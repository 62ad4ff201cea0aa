"""Models that learn from examples of which some, or all, have a label."""
