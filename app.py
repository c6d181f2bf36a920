"""Start the page: ``python app.py``, then open the address it prints. Also the entry point of a Hugging Face Space."""

import os

# Everything the page needs is on disk; these must be set before the first import that would look elsewhere.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from zsseg.demo import build_demo, launch_options, load_predictors  # noqa: E402


def main() -> None:
    """Load the checkpoints, build the page, serve it until stopped."""
    build_demo(load_predictors()).launch(**launch_options())


if __name__ == "__main__":
    main()
