"""Photos: reading and finding them, cutting them into windows, and encoding those."""

from typing import Literal

# Here, because a head's header names it and is read without torch, which the windows need.
Layout = Literal["sliding", "whole"]
"""How windows lie over a photo; see `zsseg.image.windows`."""
