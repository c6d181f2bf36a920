"""What can be computed from answers: comparison, ground-truth scores, regions."""
