"""Recipes of both papers: one for every published row, and the published scores beside them."""
