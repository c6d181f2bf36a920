"""``python -m zsseg``: the command line."""

import sys

from zsseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
