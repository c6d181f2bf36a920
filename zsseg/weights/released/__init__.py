"""Weights that others released, the papers' own and OpenAI's CLIP: where they are, download, conversion."""
