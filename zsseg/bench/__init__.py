"""How fast this machine answers, beside how fast it multiplies matrices: `zsseg bench`."""
