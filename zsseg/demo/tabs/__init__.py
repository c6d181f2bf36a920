"""The tabs below the answer."""
