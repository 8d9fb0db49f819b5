"""The network and its layers: `docs/arithmetic/network.md`."""

from collections.abc import Callable, Sequence
from functools import partial

from . import fixed, picture, single
from .digest import digest
from .model_file import Conv1d, Gate, Model, Norm, Scan, Sum, Weight
from .picture import Picture

Pixels = list[list]


class FixedPoint:
    """The operators of w8a16 and w8a8 on pixels, with the clamps of their results."""

    def __init__(self, bits: int) -> None:
        """`bits` is the width of `In`."""
        self.precision = fixed.Precision(bits)
        self.zero = 0
        self.word: Callable[[int], int] = partial(fixed.i32, place="layer")
        self.input = picture.input_fixed
        self.byte = picture.byte_fixed

    def widen(self, x: Sequence[int]) -> list[int]:
        """Makes values of type `In` inputs of products."""
        return [self.precision.widen(value) for value in x]

    def narrow(self, pixels: Pixels) -> Pixels:
        """Makes activations of type `In`."""
        return [[self.precision.narrow(value) for value in x] for x in pixels]

    def weight(self, w: Weight, x: Sequence[int], taps: Sequence[int] | None = None) -> list[int]:
        """Returns activations; `x` is widened."""
        return [fixed.sat16(value) for value in fixed.weight(w, x, taps)]

    def norm(self, p: Norm, x: Sequence[int], first: bool) -> list[int]:
        """Norms a pixel; only the `first` norm keeps activations."""
        convert = fixed.sat16 if first else self.precision.to_in
        return [convert(value) for value in fixed.norm(p, x)]

    def conv1d(self, p: Conv1d, e: int, window: Sequence[int]) -> int:
        """Returns a value of type `In`."""
        return self.precision.to_in(fixed.conv1d(p, e, window))

    def step(self, w: Weight, x: Sequence[int]) -> list[int]:
        """Returns the step sizes of a pixel; `x` is of 16 bits in both precisions."""
        return [fixed.soft_plus(value) for value in fixed.weight(w, x)]

    def scan(self, p: Scan, e: int, h: list[int], u: int, dt: int, b: list[int], c: list[int]) -> int:
        """Advances the states of a channel."""
        return fixed.scan(p, self.precision.bits, e, h, u, dt, b, c)

    def gate(self, p: Gate, y: int, z: int) -> int:
        """Returns a value of type `In`."""
        return self.precision.to_in(fixed.gate(p, y, z))

    def sum(self, p: Sum, a: int, b: int) -> int:
        """Returns an activation."""
        return fixed.add(p, a, b)

    def with_anchor(self, value: int, anchor: int) -> int:
        """Returns an output."""
        return picture.output_fixed(value, anchor)

    def with_mean(self, value: int, mean: float) -> int:
        """Returns an output without an anchor."""
        return picture.output_fixed(value, picture.mean_q4(mean) << 16)


class SinglePrecision:
    """The operators of f32 on pixels."""

    def __init__(self) -> None:
        """Has the same members as `FixedPoint`."""
        self.zero = 0.0
        self.word: Callable[[float], int] = single.bits
        self.input = picture.input_single
        self.byte = picture.byte_single
        self.weight = single.weight
        self.conv1d = single.conv1d
        self.scan = single.scan
        self.with_anchor = picture.output_single

    def widen(self, x: Sequence[float]) -> Sequence[float]:
        """Does nothing."""
        return x

    def narrow(self, pixels: Pixels) -> Pixels:
        """Does nothing."""
        return pixels

    def norm(self, p: Norm, x: Sequence[float], first: bool) -> list[float]:
        """Norms a pixel; all norms are alike."""
        return single.norm(p, x)

    def step(self, w: Weight, x: Sequence[float]) -> list[float]:
        """Returns the step sizes of a pixel."""
        return [single.soft_plus(value) for value in single.weight(w, x)]

    def gate(self, p: Gate, y: float, z: float) -> float:
        """Has no parameters."""
        return single.gate(y, z)

    def sum(self, p: Sum, a: float, b: float) -> float:
        """Has no parameters."""
        return single.add(a, b)

    def with_mean(self, value: float, mean: float) -> float:
        """Returns an output without an anchor."""
        return single.f32(value + mean)


ARITHMETIC: dict[str, Callable[[], FixedPoint | SinglePrecision]] = {
    "f32": SinglePrecision,
    "w8a16": partial(FixedPoint, 16),
    "w8a8": partial(FixedPoint, 8),
}


class Run:
    """One picture through one model; `layers` are names and digests in the order of execution."""

    def __init__(self, model: Model, small: Picture) -> None:
        """Runs nothing yet."""
        self.model = model
        self.small = small
        self.arithmetic = ARITHMETIC[model.header.precision]()
        self.layers: list[tuple[str, int]] = []

    def layer(self, name: str, compute: Callable[..., Pixels], *arguments: object) -> Pixels:
        """Computes a layer and notes its digest; a `WidthError` gets the layer's name."""
        try:
            pixels = compute(*arguments)
            words = [self.arithmetic.word(value) for x in pixels for value in x]
        except fixed.WidthError as error:
            raise fixed.WidthError(f"layer {name}: {error}") from error
        self.layers.append((name, digest(words)))
        return pixels

    def magnify(self) -> Picture:
        """Runs the network ("Network") and returns the magnified picture of bytes."""
        model, layer, narrow = self.model, self.layer, self.arithmetic.narrow
        f = layer("conv_first", self.conv3x3, model.conv_first, self.input(), False)
        t = layer("patch_embed.norm", self.norm, model.patch_embed_norm, f, True)
        for g, group in enumerate(model.groups):
            group_input = t
            for b in range(len(group.blocks)):
                t = self.block(g, b, t)
            a = layer(f"layers.{g}.conv", self.conv3x3, group.conv, narrow(t), True)
            t = layer(f"layers.{g}", self.sum, group.sum, a, group_input)
        y = layer("norm_f", self.norm, model.norm_f, t, False)
        a = layer("conv_after_body", self.conv3x3, model.conv_after_body, y, True)
        t = layer("body", self.sum, model.body, a, f)
        p = layer("upsample", self.conv3x3, model.upsample, narrow(t), True)
        out = layer("output", self.output, p)
        scale = model.header.scale
        return Picture(
            self.small.width * scale,
            self.small.height * scale,
            [[self.arithmetic.byte(value) for value in x] for x in out],
        )

    def block(self, g: int, b: int, t: Pixels) -> Pixels:
        """Runs a block of a group."""
        header, p, layer = self.model.header, self.model.groups[g].blocks[b], self.layer
        inner, rank, states = header.inner, header.dt_rank, header.states
        name = f"layers.{g}.blocks.{b}"
        v = layer(f"{name}.norm", self.norm, p.norm, t, False)
        uz = layer(f"{name}.in_proj", self.project, p.in_proj, v)
        u = layer(f"{name}.conv1d", self.conv1d, p.conv1d, [x[:inner] for x in uz])
        pj = layer(f"{name}.x_proj", self.project, p.x_proj, u)
        steps, weights_b, weights_c = (
            [x[:rank] for x in pj],
            [x[rank : rank + states] for x in pj],
            [x[rank + states :] for x in pj],
        )
        dt = layer(f"{name}.dt", self.step, p.dt_proj, steps)
        s = layer(f"{name}.scan", self.scan, p.scan, u, dt, weights_b, weights_c)
        q = layer(f"{name}.gate", self.gate, p.gate, s, [x[inner:] for x in uz])
        m = layer(f"{name}.out_proj", self.project, p.out_proj, q)
        if p.skip is None:
            return m
        return layer(f"{name}.skip", self.sum, p.skip, t, m)

    def input(self) -> Pixels:
        """Returns the network's input of the picture's bytes."""
        mean, of_byte = self.model.header.mean, self.arithmetic.input
        return [[of_byte(byte, mean[c]) for c, byte in enumerate(x)] for x in self.small.pixels]

    def conv3x3(self, w: Weight, pixels: Pixels, is_in: bool) -> Pixels:
        """Convolves the picture; taps outside it are left out. `is_in` says that inputs are `In`."""
        if is_in:
            pixels = [self.arithmetic.widen(x) for x in pixels]
        return conv3x3(self.arithmetic, w, pixels, self.small.width, self.small.height)

    def project(self, w: Weight, pixels: Pixels) -> Pixels:
        """Multiplies each pixel by a weight; inputs are `In`."""
        return [self.arithmetic.weight(w, self.arithmetic.widen(x)) for x in pixels]

    def norm(self, p: Norm, pixels: Pixels, first: bool) -> Pixels:
        """Norms each pixel."""
        return [self.arithmetic.norm(p, x, first) for x in pixels]

    def conv1d(self, p: Conv1d, pixels: Pixels) -> Pixels:
        """Convolves each channel over the pixels in raster order."""
        inner = self.model.header.inner
        padded = [[self.arithmetic.zero] * inner] * 3 + pixels
        return [
            [self.arithmetic.conv1d(p, e, [x[e] for x in padded[i : i + 4]]) for e in range(inner)]
            for i in range(len(pixels))
        ]

    def step(self, w: Weight, pixels: Pixels) -> Pixels:
        """Makes step sizes of each pixel's first values of `x_proj`."""
        return [self.arithmetic.step(w, x) for x in pixels]

    def scan(self, p: Scan, u: Pixels, dt: Pixels, b: Pixels, c: Pixels) -> Pixels:
        """Scans the pixels in raster order; states begin as zeros."""
        header, step = self.model.header, self.arithmetic.scan
        states = [[self.arithmetic.zero] * header.states for _ in range(header.inner)]
        return [
            [step(p, e, states[e], u[i][e], dt[i][e], b[i], c[i]) for e in range(header.inner)]
            for i in range(len(u))
        ]

    def gate(self, p: Gate, y: Pixels, z: Pixels) -> Pixels:
        """Gates each value."""
        return self.pairs(partial(self.arithmetic.gate, p), y, z)

    def sum(self, p: Sum, a: Pixels, b: Pixels) -> Pixels:
        """Adds two tensors; the first has the factor `a`."""
        return self.pairs(partial(self.arithmetic.sum, p), a, b)

    def pairs(self, operator: Callable[[object, object], object], a: Pixels, b: Pixels) -> Pixels:
        """Applies an operator to each value of two tensors."""
        return [list(map(operator, x, y)) for x, y in zip(a, b, strict=True)]

    def output(self, upsampled: Pixels) -> Pixels:
        """Shuffles pixels and adds the anchor or the mean."""
        header, small = self.model.header, self.small

        def value(big_y: int, big_x: int, c: int, x: object) -> object:
            if header.anchor == "none":
                return self.arithmetic.with_mean(x, header.mean[c])
            anchor = picture.anchor(header.anchor, small, header.scale, big_y, big_x, c)
            return self.arithmetic.with_anchor(x, anchor)

        return picture.magnify(Picture(small.width, small.height, upsampled), header.scale, value).pixels


def conv3x3(
    arithmetic: FixedPoint | SinglePrecision, w: Weight, pixels: Pixels, width: int, height: int
) -> Pixels:
    """Convolves a picture ("3x3 convolution"); fixed-point pixels are widened."""
    out = []
    for y in range(height):
        for x in range(width):
            taps, values = [], []
            for ky in range(3):
                for kx in range(3):
                    row, column = y + ky - 1, x + kx - 1
                    if 0 <= row < height and 0 <= column < width:
                        pixel = pixels[row * width + column]
                        first = (3 * ky + kx) * len(pixel)
                        taps.extend(range(first, first + len(pixel)))
                        values.extend(pixel)
            is_whole = len(taps) == 9 * len(pixels[0])
            out.append(arithmetic.weight(w, values, None if is_whole else taps))
    return out
