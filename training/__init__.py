"""Training and evaluation of the embedded backbone and of the heads of both methods."""
