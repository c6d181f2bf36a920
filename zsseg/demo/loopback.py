"""Requests to this machine's own addresses bypass the proxies that the environment names."""

import os

_OWN = ("localhost", "127.0.0.1", "::1")


def bypass_proxies(host: str | None = None) -> None:
    """Add this machine's own addresses to `no_proxy`, for this process and the programs that it starts.

    Args:
        host: another address that this machine listens on.
    """
    names = [*_OWN, *([host.strip("[]")] if host else [])]
    # Some programs read the small letters, some the capitals, so both are set.
    for variable in ("no_proxy", "NO_PROXY"):
        known = [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
        if "*" not in known:
            os.environ[variable] = ",".join([*known, *(name for name in names if name not in known)])
