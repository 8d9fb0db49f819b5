"""The model file: `docs/model-file.md`, to the byte, with all that a reader checks."""

import hashlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

PRECISIONS = ("f32", "w8a16", "w8a8")
ANCHORS = ("none", "nearest", "bicubic")
DECAYS = ("full", "tied")
DENSE, LOW_RANK, IDENTITY_ROWS = 0, 1, 2

FIXED_HEADER_BYTES = 96
HASH_OFFSET = 64
HASH_BYTES = 32
FILE_BYTES_MAX = 2**28

TERM = (-(2**30), 2**30)
MULTIPLIER = (2**30, 2**31 - 1)
WIDE_INPUT_MAX = 32767
NARROW_INPUT_MAX = 127 * 256

KINDS = {"f32": "f", "i8": "b", "u8": "B", "u16": "H", "i32": "i", "u32": "I"}


class ModelError(ValueError):
    """The file is no model: what a reader checks did not hold."""


def require(condition: bool, message: str) -> None:
    """Raises `ModelError` with the message unless the condition holds."""
    if not condition:
        raise ModelError(message)


def align16(n: int) -> int:
    """Returns the least multiple of 16 that is not below `n`."""
    return (n + 15) // 16 * 16


@dataclass
class Header:
    """The header ("Header"), and the forms that follow it ("Forms")."""

    precision: str
    channels: int
    length: int
    scale: int
    groups: int
    blocks: int
    states: int
    width: int
    inner: int
    dt_rank: int
    mixer_skip: bool
    anchor: str
    tied: bool
    mean: list[float]
    forms: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Matrix:
    """A matrix, one row of `weight` an output; multipliers and shifts in fixed point only."""

    weight: list[list]
    bias: list
    multiplier: list[int] = field(default_factory=list)
    shift: list[int] = field(default_factory=list)


@dataclass
class Weight:
    """A weight in one of the forms; a dense one is all in `u`."""

    form: int
    u: Matrix
    v: Matrix | None = None
    copies: Matrix | None = None
    order: list[int] = field(default_factory=list)


@dataclass
class Norm:
    """A norm: `weight` and `bias` of f32 are `gain` and `offset` here."""

    gain: list
    offset: list
    shift: int = 0
    epsilon: int = 0


@dataclass
class Conv1d:
    """A causal convolution: `weight[tap][e]`, the oldest tap first."""

    weight: list[list]
    bias: list
    multiplier: list[int] = field(default_factory=list)
    shift: list[int] = field(default_factory=list)
    fraction: int = 0
    out_multiplier: int = 0
    out_shift: int = 0


@dataclass
class Scan:
    """A scan: `rate[n][e]`; tied rates have one row."""

    tied: bool
    rate: list[list]
    skip: list
    state_shift: list[int] = field(default_factory=list)
    multiplier: list[int] = field(default_factory=list)
    shift: list[int] = field(default_factory=list)


@dataclass
class Gate:
    """A gate; nothing of it is stored in f32."""

    multiplier: int = 0
    shift: int = 0
    fraction: int = 0


@dataclass
class Sum:
    """A sum of two tensors; nothing of it is stored in f32."""

    a: int = 0
    b: int = 0
    shift: int = 0


@dataclass
class Block:
    """The operators of a block, in file order; `skip` only with mixer_skip."""

    norm: Norm
    in_proj: Weight
    conv1d: Conv1d
    x_proj: Weight
    dt_proj: Weight
    scan: Scan
    gate: Gate
    out_proj: Weight
    skip: Sum | None


@dataclass
class Group:
    """A group: its blocks, its convolution and its sum."""

    blocks: list[Block]
    conv: Weight
    sum: Sum


@dataclass
class Model:
    """A model file that passed all checks."""

    header: Header
    conv_first: Weight
    patch_embed_norm: Norm
    groups: list[Group]
    norm_f: Norm
    conv_after_body: Weight
    body: Sum
    upsample: Weight


def read(data: bytes) -> Model:
    """Reads a model ("What a reader checks", in that order)."""
    require(len(data) <= FILE_BYTES_MAX, "file: above 2^28 bytes")
    header = read_header(data)
    digest = hashlib.sha256()
    digest.update(data[:HASH_OFFSET])
    digest.update(bytes(HASH_BYTES))
    digest.update(data[HASH_OFFSET + HASH_BYTES : header.length])
    stored = data[HASH_OFFSET : HASH_OFFSET + HASH_BYTES]
    require(digest.digest() == stored, "hash: differs")
    return ArrayReader(data, header).model()


def read_header(data: bytes) -> Header:
    """Reads the header and the forms (checks 1 to 5)."""
    require(data[:4] == b"MLSR", "magic: differs")
    require(len(data) >= FIXED_HEADER_BYTES, "header: fewer than 96 bytes")
    (version,) = struct.unpack_from("<H", data, 4)
    require(version == 2, f"version: {version}")
    precision, channels, length, scale, groups, blocks, states = struct.unpack_from("<BBIBBBB", data, 6)
    width, inner, dt_rank, skip, anchor, decay = struct.unpack_from("<HHBBBB", data, 16)
    mean = list(struct.unpack_from("<3f", data, 24))
    require(skip <= 1 and anchor <= 2 and decay <= 1, "mixer_skip, anchor or decay: no meaning")
    require(channels in (1, 3), f"channels: {channels}")
    ranges = (
        ("scale", scale, 2, 4),
        ("width", width, 1, 256),
        ("inner", inner, 1, 512),
        ("groups", groups, 1, 16),
        ("blocks", blocks, 1, 8),
        ("states", states, 1, 64),
        ("dt_rank", dt_rank, 1, 64),
    )
    for name, value, low, high in ranges:
        require(low <= value <= high, f"{name}: {value}")
    require(all(0 <= m <= 1 for m in mean), "mean: outside 0 to 1")
    forms = read_forms(data, 3 + groups * (4 * blocks + 1), length)
    require(precision < len(PRECISIONS), f"precision: {precision}")
    require(len(data) >= length, "file: shorter than its length")
    return Header(
        PRECISIONS[precision], channels, length, scale, groups, blocks, states, width, inner,
        dt_rank, skip == 1, ANCHORS[anchor], DECAYS[decay] == "tied", mean, forms,
    )


def read_forms(data: bytes, count: int, length: int) -> list[tuple[int, int]]:
    """Reads the form and the rank of each weight ("Forms"; checks 3 and 4)."""
    (stored,) = struct.unpack_from("<H", data, 36)
    require(stored == count, f"forms: {stored}, not {count}")
    end = align16(FIXED_HEADER_BYTES + 4 * count)
    require(length >= end and len(data) >= end, "length: ends inside the forms")
    require(length % 16 == 0, "length: no multiple of 16")
    forms = list(struct.iter_unpack("<BxH", data[FIXED_HEADER_BYTES : FIXED_HEADER_BYTES + 4 * count]))
    require(all(form <= IDENTITY_ROWS for form, _ in forms), "form: no meaning")
    return forms


class ArrayReader:
    """Reads the arrays in file order ("Arrays"; checks 8 and 9)."""

    def __init__(self, data: bytes, header: Header) -> None:
        """Stands before the first array."""
        self.data = data
        self.header = header
        self.fixed = header.precision != "f32"
        self.offset = align16(FIXED_HEADER_BYTES + 4 * len(header.forms))
        self.forms: Iterator[tuple[int, int]] = iter(header.forms)
        self.in_max = NARROW_INPUT_MAX if header.precision == "w8a8" else WIDE_INPUT_MAX

    def array(self, kind: str, count: int, limits: tuple[float, float] | None = None) -> list:
        """Reads one array and its padding, and checks the range of its values."""
        letter, name = KINDS[kind], f"array at byte {self.offset}"
        size = count * struct.calcsize("<" + letter)
        require(self.offset + align16(size) <= self.header.length, f"{name}: outside the file")
        values = list(struct.unpack_from(f"<{count}{letter}", self.data, self.offset))
        self.offset += align16(size)
        if kind == "f32":
            require(all(map(math.isfinite, values)), f"{name}: a value is not finite")
        if limits is not None:
            require(all(limits[0] <= v <= limits[1] for v in values), f"{name}: out of range")
        return values

    def one(self, kind: str, limits: tuple[int, int]) -> int:
        """Reads an array of one element."""
        return self.array(kind, 1, limits)[0]

    def rows(self, kind: str, rows: int, columns: int) -> list[list]:
        """Reads an array of [rows, columns], the last index fastest."""
        flat = self.array(kind, rows * columns)
        return [flat[i * columns : (i + 1) * columns] for i in range(rows)]

    def matrix(self, outputs: int, inputs: int, has_bias: bool, input_max: int) -> Matrix:
        """Reads a matrix: f32 is stored [inputs, outputs], fixed point [outputs, inputs]."""
        if not self.fixed:
            columns = self.rows("f32", inputs, outputs)
            weight = [[column[o] for column in columns] for o in range(outputs)]
            return Matrix(weight, self.array("f32", outputs) if has_bias else [0.0] * outputs)
        weight = self.rows("i8", outputs, inputs)
        bias = self.array("i32", outputs) if has_bias else [0] * outputs
        multiplier = self.array("i32", outputs, MULTIPLIER)
        shift = self.array("u8", outputs, (1, 31))
        for row, b in zip(weight, bias, strict=True):
            check_sum(row, b, input_max)
        return Matrix(weight, bias, multiplier, shift)

    def weight(self, outputs: int, inputs: int, has_bias: bool, input_max: int) -> Weight:
        """Reads a weight in the form that the header gives the next one."""
        form, rank = next(self.forms)
        if form == DENSE:
            return Weight(form, self.matrix(outputs, inputs, has_bias, input_max))
        rank_max = min(inputs, outputs if form == LOW_RANK else outputs - 1)
        require(1 <= rank <= rank_max, f"rank: {rank}")
        v = self.matrix(rank, inputs, False, input_max)
        if form == LOW_RANK:
            return Weight(form, self.matrix(outputs, rank, has_bias, WIDE_INPUT_MAX), v)
        copies = self.matrix(rank, 0, has_bias, WIDE_INPUT_MAX)
        for bias in copies.bias if self.fixed else []:
            check_sum([64], bias, WIDE_INPUT_MAX)
        u = self.matrix(outputs - rank, rank, has_bias, WIDE_INPUT_MAX)
        return Weight(form, u, v, copies, self.array("u16", outputs, (0, outputs - 1)))

    def norm(self) -> Norm:
        """Reads a norm."""
        width = self.header.width
        if not self.fixed:
            return Norm(self.array("f32", width), self.array("f32", width))
        gain = self.array("i32", width)
        offset = self.array("i32", width, TERM)
        shift = self.one("u8", (1, 30))
        mantissa = self.one("u32", (1, 2**32 - 1))
        return Norm(gain, offset, shift, mantissa << self.one("u8", (0, 30)))

    def conv1d(self) -> Conv1d:
        """Reads a causal convolution."""
        inner = self.header.inner
        if not self.fixed:
            return Conv1d(self.rows("f32", 4, inner), self.array("f32", inner))
        weight = self.rows("i8", 4, inner)
        bias = self.array("i32", inner)
        multiplier = self.array("i32", inner, MULTIPLIER)
        shift = self.array("u8", inner, (1, 31))
        for e in range(inner):
            check_sum([weight[tap][e] for tap in range(4)], bias[e], WIDE_INPUT_MAX)
        fraction = self.one("u8", (0, 15))
        out_multiplier = self.one("i32", MULTIPLIER)
        return Conv1d(weight, bias, multiplier, shift, fraction, out_multiplier, self.one("u8", (1, 31)))

    def scan(self) -> Scan:
        """Reads a scan."""
        inner, tied = self.header.inner, self.header.tied
        rate = self.rows("u32" if self.fixed else "f32", 1 if tied else self.header.states, inner)
        if not self.fixed:
            require(all(r <= 0 for row in rate for r in row), "rate: above 0")
            return Scan(tied, rate, self.array("f32", inner))
        state_shift = self.array("u8", inner, (1, 40))
        multiplier = self.array("i32", inner, TERM)
        skip = self.array("i32", inner, TERM)
        return Scan(tied, rate, skip, state_shift, multiplier, self.array("u8", inner, (1, 30)))

    def gate(self) -> Gate:
        """Reads a gate."""
        if not self.fixed:
            return Gate()
        return Gate(self.one("i32", MULTIPLIER), self.one("u8", (1, 31)), self.one("u8", (0, 15)))

    def sum(self) -> Sum:
        """Reads a sum."""
        if not self.fixed:
            return Sum()
        return Sum(self.one("i32", TERM), self.one("i32", TERM), self.one("u8", (1, 30)))

    def block(self) -> Block:
        """Reads a block."""
        h = self.header
        return Block(
            norm=self.norm(),
            in_proj=self.weight(2 * h.inner, h.width, False, self.in_max),
            conv1d=self.conv1d(),
            x_proj=self.weight(h.dt_rank + 2 * h.states, h.inner, False, self.in_max),
            dt_proj=self.weight(h.inner, h.dt_rank, True, WIDE_INPUT_MAX),
            scan=self.scan(),
            gate=self.gate(),
            out_proj=self.weight(h.width, h.inner, False, self.in_max),
            skip=self.sum() if h.mixer_skip else None,
        )

    def group(self) -> Group:
        """Reads a group."""
        h = self.header
        blocks = [self.block() for _ in range(h.blocks)]
        return Group(blocks, self.weight(h.width, 9 * h.width, True, self.in_max), self.sum())

    def model(self) -> Model:
        """Reads all operators; the last array ends at `length`."""
        h = self.header
        model = Model(
            header=h,
            conv_first=self.weight(h.width, 9 * h.channels, True, WIDE_INPUT_MAX),
            patch_embed_norm=self.norm(),
            groups=[self.group() for _ in range(h.groups)],
            norm_f=self.norm(),
            conv_after_body=self.weight(h.width, 9 * h.width, True, self.in_max),
            body=self.sum(),
            upsample=self.weight(h.channels * h.scale**2, 9 * h.width, True, self.in_max),
        )
        require(self.offset == h.length, "length: not the end of the last array")
        return model


def check_sum(weights: list[int], bias: int, input_max: int) -> None:
    """Checks that no sum of an output can pass 32 bits ("Sums that cannot overflow")."""
    largest = sum(map(abs, weights)) * input_max + abs(bias)
    require(largest <= 2**31 - 1, "accumulator: could pass 32 bits")
