"""Recipes of the heads over the embedded backbone, which the demo ships."""
