"""Start the page: ``python app.py``, then open the address it prints. Also the entry point of a Hugging Face Space."""

import sys

from zsseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
