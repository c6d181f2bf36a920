"""Class names: parsing, checks, presets, the data sets' lists, and their text embeddings."""
