"""Measure one part in this process and write it to stdout as JSON: python -m zsseg.bench PART REPEATS

The parts are those of `zsseg.bench.parts.PARTS`. One process for each, so that peak memory is its own.
"""

import json
import sys

from zsseg.bench.parts import measure_part

if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure_part(sys.argv[1], int(sys.argv[2]))))
