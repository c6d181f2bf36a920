"""The ablations: variants of recipes, and one run of each."""
