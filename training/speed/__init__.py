"""How fast a device trains, beside how fast it multiplies matrices."""
