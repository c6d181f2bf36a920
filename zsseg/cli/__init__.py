"""The command line, ``python -m zsseg``."""
