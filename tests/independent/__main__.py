"""Magnifies a picture and prints the digest of each layer and of the bytes.

Usage, with the folder `tests` as the current one:

    python3 -m independent MODEL.mls PICTURE [--json] [--output FILE]

PICTURE and FILE are binary PGM (1 channel) or PPM (3 channels).
"""

import argparse
import json
import sys
from pathlib import Path

from . import model_file, picture
from .digest import digest, printed
from .fixed import WidthError
from .network import Run


def main() -> int:
    """Runs the command; returns 2 for a file that is refused, 3 for a broken promise of widths."""
    parser = argparse.ArgumentParser(prog="independent", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="binary PGM or PPM")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the magnified picture")
    arguments = parser.parse_args()
    try:
        run = load(arguments.model, arguments.picture)
        big = run.magnify()
    except (OSError, model_file.ModelError, picture.PictureError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except WidthError as error:
        print(f"error: a width of the specification does not hold: {error}", file=sys.stderr)
        return 3
    if arguments.output is not None:
        arguments.output.write_bytes(picture.write(big))
    report(run, digest(big.flat()), arguments.json)
    return 0


def load(model_path: Path, picture_path: Path) -> Run:
    """Reads both files."""
    model = model_file.read(model_path.read_bytes())
    small = picture.read(picture_path.read_bytes())
    channels = len(small.pixels[0])
    if channels != model.header.channels:
        raise picture.PictureError(f"picture: {channels} channels, not {model.header.channels}")
    return Run(model, small)


def report(run: Run, bytes_digest: int, as_json: bool) -> None:
    """Prints the digests, a line each or as one JSON object."""
    digests = [*run.layers, ("picture", bytes_digest)]
    if as_json:
        print(json.dumps({name: printed(value) for name, value in digests}))
        return
    for name, value in digests:
        print(f"{name} {printed(value)}")


if __name__ == "__main__":
    sys.exit(main())
