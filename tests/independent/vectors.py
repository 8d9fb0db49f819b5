"""Magnifies the pictures of a suite and prints two hashes of each.

Usage, with the folder `tests` as the current one:

    python3 -m independent.vectors MODEL.mls < PICTURES

A line of PICTURES is `WIDTH HEIGHT CHANNELS PIXELS`, the pixels in raster order as hexadecimal bytes. A
line of the output is the SHA-256 of the magnified bytes and that of the layers' digests, each digest as 8
bytes, the lowest first.
"""

import hashlib
import sys
from pathlib import Path

from . import model_file
from .network import Run
from .picture import Picture


def main() -> int:
    """Reads all pictures before the first is magnified; returns 2 for a model that is refused."""
    try:
        model = model_file.read(Path(sys.argv[1]).read_bytes())
    except (OSError, model_file.ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for line in sys.stdin.readlines():
        run = Run(model, parse(line))
        big = run.magnify()
        digests = b"".join(value.to_bytes(8, "little") for _, value in run.layers)
        print(hashlib.sha256(bytes(big.flat())).hexdigest(), hashlib.sha256(digests).hexdigest())
    return 0


def parse(line: str) -> Picture:
    """Reads a picture."""
    width, height, channels, text = line.split()
    values = bytes.fromhex(text)
    step = int(channels)
    pixels = [list(values[i : i + step]) for i in range(0, len(values), step)]
    return Picture(int(width), int(height), pixels)


if __name__ == "__main__":
    sys.exit(main())
