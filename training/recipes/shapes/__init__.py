"""Recipes of the synthetic shapes data set: drawn scenes with exact masks."""
