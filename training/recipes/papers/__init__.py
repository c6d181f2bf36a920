"""Recipes of the two papers: their data sets, backbone and hyper-parameters."""
