"""Training of the heads: assembly, losses, optimizer, loop, state on disk."""
