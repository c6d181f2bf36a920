"""Training and judging: the embedded backbone, the heads of both methods, the scores."""
