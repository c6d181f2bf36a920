"""Data sets on disk: their descriptions and class names, checks, converters, small synthetic copies."""
