"""Pixels in and out: `docs/arithmetic/picture.md`. Files of pictures are binary PGM and PPM."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from .fixed import clamp, i32, within
from .single import f32, from_bits

GREY = from_bits(0x31808081)
LEVEL_MAX = 8160
SIDE_MAX = 65535
SIGNATURES = {b"P5": 1, b"P6": 3}

# "Anchor": weights of the cubic, Q.10, by scale and phase, of the offsets -2 to 2.
CUBIC = {
    2: ((-24, 232, 888, -72, 0), (0, -72, 888, 232, -24)),
    3: ((-38, 341, 797, -76, 0), (0, 0, 1024, 0, 0), (0, -76, 797, 341, -38)),
    4: (
        (-45, 399, 745, -75, 0),
        (-7, 93, 987, -49, 0),
        (0, -49, 987, 93, -7),
        (0, -75, 745, 399, -45),
    ),
}


class PictureError(ValueError):
    """The file is no picture that can be read, or not one of the model's channels."""


@dataclass
class Picture:
    """A picture: `pixels[y * width + x][c]`, bytes or any other values."""

    width: int
    height: int
    pixels: list[list]

    def flat(self) -> list:
        """Returns all values in raster order."""
        return [value for pixel in self.pixels for value in pixel]


def read(data: bytes) -> Picture:
    """Reads binary PGM or PPM with 255 grey levels and no comments."""
    fields = data.split(maxsplit=3)
    if len(fields) < 4 or fields[0] not in SIGNATURES:
        raise PictureError("picture: neither binary PGM nor PPM")
    try:
        width, height = int(fields[1]), int(fields[2])
    except ValueError as error:
        raise PictureError("picture: its size is no number") from error
    channels = SIGNATURES[fields[0]]
    size = width * height * channels
    header, values = data[: len(data) - size], data[len(data) - size :]
    if not (1 <= width <= SIDE_MAX and 1 <= height <= SIDE_MAX) or len(values) != size:
        raise PictureError("picture: its bytes do not make its size")
    if header.split() != [fields[0], fields[1], fields[2], b"255"]:
        raise PictureError("picture: its header is not that of 255 grey levels")
    pixels = [list(values[i : i + channels]) for i in range(0, size, channels)]
    return Picture(width, height, pixels)


def write(picture: Picture) -> bytes:
    """Returns a picture of bytes as binary PGM or PPM."""
    signature = "P6" if len(picture.pixels[0]) == 3 else "P5"
    header = f"{signature}\n{picture.width} {picture.height}\n255\n"
    return header.encode() + bytes(picture.flat())


# "Input".


def mean_q4(mean: float) -> int:
    """Returns `q[c]`, the mean in Q8.4 grey levels."""
    return floor(f32(f32(mean * 4080.0) + 0.5))


def input_fixed(byte: int, mean: float) -> int:
    """Returns the network's input of a byte in fixed point."""
    return 16 * byte - mean_q4(mean)


def input_single(byte: int, mean: float) -> float:
    """Returns the network's input of a byte in f32."""
    return f32(f32(byte / 255.0) - mean)


# "Pixel shuffle" and "Output".


def magnify(upsampled: Picture, scale: int, output: Callable[[int, int, int, object], object]) -> Picture:
    """Shuffles pixels; `output(Y, X, c, value)` makes the magnified value of the shuffled one."""
    channels = len(upsampled.pixels[0]) // scale**2
    pixels = []
    for big_y in range(upsampled.height * scale):
        for big_x in range(upsampled.width * scale):
            pixel = upsampled.pixels[big_y // scale * upsampled.width + big_x // scale]
            place = big_y % scale * scale + big_x % scale
            values = [pixel[c * scale**2 + place] for c in range(channels)]
            pixels.append([output(big_y, big_x, c, value) for c, value in enumerate(values)])
    return Picture(upsampled.width * scale, upsampled.height * scale, pixels)


def mirror(i: int, length: int) -> int:
    """Returns the index inside; the border pixel is repeated."""
    i %= 2 * length
    return i if i < length else 2 * length - 1 - i


def anchor(kind: str, small: Picture, scale: int, big_y: int, big_x: int, c: int) -> int:
    """Returns the anchor of a magnified pixel in Q.20 grey levels ("Anchor")."""
    y, x = big_y // scale, big_x // scale
    if kind == "nearest":
        return small.pixels[y * small.width + x][c] << 20
    row_weights, column_weights = CUBIC[scale][big_y % scale], CUBIC[scale][big_x % scale]
    total = 0
    for b in range(-2, 3):
        i = mirror(x + b, small.width)
        column = 0
        for a in range(-2, 3):
            j = mirror(y + a, small.height)
            column += row_weights[a + 2] * small.pixels[j * small.width + i][c]
        total = i32(total + column_weights[b + 2] * i32(column, "anchor column"), "anchor")
    return within(total, -(2**29), 2**29, "anchor")


def output_fixed(value: int, base: int) -> int:
    """Adds the upsampled value to the anchor or the mean in Q.20 grey levels, in fixed point."""
    total = (clamp(value, -LEVEL_MAX, LEVEL_MAX) << 16) + base
    return within(total, -(2**30), 2**30, "output")


def output_single(value: float, base: int) -> float:
    """Adds the upsampled value to the anchor in Q.20 grey levels, in f32."""
    return f32(value + f32(f32(float(base)) * GREY))


def byte_fixed(x: int) -> int:
    """Returns the byte of an output in Q.20 grey levels."""
    return clamp((x + 2**19) >> 20, 0, 255)


def byte_single(x: float) -> int:
    """Returns the byte of an output of f32: `255 x` is exact in binary64, `round` takes ties to even."""
    x = x if x > 0.0 else 0.0
    x = x if x < 1.0 else 1.0
    return round(255.0 * x)
