"""Pre-training of the embedded backbone."""
