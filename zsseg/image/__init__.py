"""Photos: reading and finding them, cutting them into windows, and encoding those."""
