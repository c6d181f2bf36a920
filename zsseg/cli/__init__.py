"""The command line, ``zsseg``."""
