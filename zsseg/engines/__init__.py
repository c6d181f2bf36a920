"""Ways to run a model's steps: as they are, by faster kernels, in bfloat16, compiled, or by onnxruntime.

An engine is chosen by name; "auto" measures those that fit and remembers the choice. Importing this package is cheap:
torch is loaded with the first engine.
"""

import os

from zsseg.errors import UserError, check_type

AUTO = "auto"
EAGER = "eager"
ENGINES = (AUTO, EAGER, "packed", "bf16", "compile", "onnx")
"""Names of the engines: `eager` is the reference; `packed`, `compile` and `onnx` have the same precision; `bf16` rounds
factors to 8 bits."""

VARIABLE = "ZSSEG_ENGINE"
"""Environment variable that names the engine where no option does, as for the page."""


def engine_name(name: str | None = None) -> str:
    """The name as it is, or that of the environment variable, or "auto".

    Raises:
        UserError: there is no such engine.
    """
    check_type(name, str | None, f"engine must be one of {', '.join(ENGINES)}")
    # An empty variable counts as none.
    chosen = name or os.environ.get(VARIABLE) or AUTO
    if chosen not in ENGINES:
        raise UserError(f"There is no engine {chosen!r}: choose one of {', '.join(ENGINES)}.")
    return chosen
