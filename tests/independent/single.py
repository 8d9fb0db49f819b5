"""Functions and operators of f32: `docs/arithmetic/single-precision.md`.

A value is a Python float (binary64) that binary32 represents exactly. One operation of two such
values in binary64, rounded again to binary32, is the operation rounded once: 53 bits are at least
twice 24 and two more. `fma` needs a step of its own.
"""

import math
import struct
from collections.abc import Sequence

from .model_file import DENSE, LOW_RANK, Conv1d, Matrix, Norm, Scan, Weight

SINGLE = struct.Struct("<f")
SINGLE_BITS = struct.Struct("<I")
DOUBLE = struct.Struct("<d")
DOUBLE_BITS = struct.Struct("<Q")
# Most of the time goes into these two.
of_single, to_single = SINGLE.pack, SINGLE.unpack


def f32(x: float) -> float:
    """Rounds to binary32, to nearest, ties to even; past the range it gives infinity."""
    try:
        return to_single(of_single(x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def bits(x: float) -> int:
    """Returns the bits of a binary32."""
    return SINGLE_BITS.unpack(SINGLE.pack(x))[0]


def from_bits(word: int) -> float:
    """Returns the binary32 of the bits."""
    return SINGLE.unpack(SINGLE_BITS.pack(word))[0]


# "Constants".

LOG2_E = from_bits(0x3FB8AA3B)
ROUND = from_bits(0x4B400000)
LN_2 = from_bits(0x3F317218)
LN_2_HI = from_bits(0x3F317200)
LN_2_LO = from_bits(0x35BFBE8E)
EXP = [
    from_bits(word)
    for word in (
        0x3F800000, 0x3F800000, 0x3F000000, 0x3E2AAAAB,
        0x3D2AAAAB, 0x3C088889, 0x3AB60B61, 0x39500D01,
    )
]  # fmt: skip
HIGH = from_bits(0x3ED413CC)
ATANH = [from_bits(word) for word in (0x3DBA2E8C, 0x3DE38E39, 0x3E124925, 0x3E4CCCCD, 0x3EAAAAAB)]
EPSILON = from_bits(0x3727C5AC)


def fma(a: float, b: float, c: float) -> float:
    """Returns `a * b + c` rounded once to binary32.

    The product of two binary32 is exact in binary64. `error` is what the binary64 sum lost, exactly
    (Knuth's sum of two). Where it lost something, the sum is rounded to odd instead; rounding that
    to binary32 is then one rounding of the exact value (Boldo and Melquiond).
    """
    product = a * b
    total = product + c
    part = total - product
    error = (product - (total - part)) + (c - part)
    if error:
        total = to_odd(total, error)
    try:
        return to_single(of_single(total))[0]
    except OverflowError:
        return f32(total)


def to_odd(total: float, error: float) -> float:
    """Returns the neighbour of `total + error` whose last bit is 1; `error` is below half a unit."""
    if not math.isfinite(total):
        return total
    word = DOUBLE_BITS.unpack(DOUBLE.pack(total))[0]
    if word & 1 == 0:
        word += 1 if (error > 0) == (total > 0) else -1
    return DOUBLE.unpack(DOUBLE_BITS.pack(word))[0]


# "Functions".


def exponential(x: float) -> float:
    """Returns `e^x`; `x` is not NaN (what NaN gives is not specified)."""
    if x > 88.0:
        x = 88.0
    if x < -104.0:
        x = -104.0
    shifted = fma(x, LOG2_E, ROUND)
    n = f32(shifted - ROUND)
    r = fma(n, -LN_2_LO, fma(n, -LN_2_HI, x))
    total = EXP[7]
    for k in range(6, -1, -1):
        total = fma(total, r, EXP[k])
    half = int(n) // 2
    return f32(f32(total * 2.0**half) * 2.0 ** (int(n) - half))


def ln_1p(u: float) -> float:
    """Returns `ln(1 + u)` for `u` in [0, 1]."""
    f, offset = (f32(f32(u - 1.0) * 0.5), LN_2) if u > HIGH else (u, 0.0)
    s = f32(f / f32(f + 2.0))
    z = f32(s * s)
    total = ATANH[0]
    for k in range(1, 5):
        total = fma(total, z, ATANH[k])
    double = f32(s + s)
    return f32(fma(f32(total * z), double, double) + offset)


def soft_plus(x: float) -> float:
    """Returns `ln(1 + e^x)`."""
    positive = x if x > 0.0 else 0.0
    return f32(positive + ln_1p(exponential(-abs(x))))


def logistic(x: float) -> float:
    """Returns `1 / (1 + e^-x)`."""
    t = exponential(-abs(x))
    return f32((t if x < 0.0 else 1.0) / f32(1.0 + t))


# "Matrix product and forms".


def matrix(w: Matrix, o: int, x: Sequence[float], taps: Sequence[int] | None) -> float:
    """Returns output `o`; `taps` are the inputs' indices where some are left out."""
    weight = w.weight[o] if taps is None else [w.weight[o][k] for k in taps]
    acc = w.bias[o]
    for factor, value in zip(weight, x, strict=True):
        acc = fma(factor, value, acc)
    return acc


def weight(w: Weight, x: Sequence[float], taps: Sequence[int] | None = None) -> list[float]:
    """Returns all outputs of a weight of any form."""
    if w.form == DENSE:
        return [matrix(w.u, o, x, taps) for o in range(len(w.u.weight))]
    m = [matrix(w.v, i, x, taps) for i in range(len(w.v.weight))]
    others = [matrix(w.u, o, m, None) for o in range(len(w.u.weight))]
    if w.form == LOW_RANK:
        return others
    copies = [f32(w.copies.bias[p] + m[p]) for p in range(len(m))]
    return [(copies + others)[p] for p in w.order]


# The other operators, one pixel at a time.


def norm(p: Norm, x: Sequence[float]) -> list[float]:
    """Norms the channels of a pixel ("Norm")."""
    count = float(len(x))
    total = 0.0
    for value in x:
        total = f32(total + value)
    mean = f32(total / count)
    total = 0.0
    for value in x:
        d = f32(value - mean)
        total = fma(d, d, total)
    variance = f32(total / count)
    r = f32(1.0 / f32(math.sqrt(f32(variance + EPSILON))))
    return [
        fma(f32(f32(value - mean) * r), gain, offset)
        for value, gain, offset in zip(x, p.gain, p.offset, strict=True)
    ]


def conv1d(p: Conv1d, e: int, window: Sequence[float]) -> float:
    """Convolves the four last values of channel `e` and applies SiLU."""
    total = p.bias[e]
    for tap in range(4):
        total = fma(p.weight[tap][e], window[tap], total)
    return f32(total * logistic(total))


def scan(
    p: Scan, e: int, h: list[float], u: float, dt: float, b: Sequence[float], c: Sequence[float]
) -> float:
    """Advances the states `h` of channel `e` by a pixel and returns its output ("Selective scan")."""
    drive = f32(dt * u)
    y = f32(p.skip[e] * u)
    base = exponential(f32(dt * p.rate[0][e]))
    a = base
    for n in range(len(h)):
        if n > 0:
            a = f32(a * base) if p.tied else exponential(f32(dt * p.rate[n][e]))
        h[n] = fma(a, h[n], f32(drive * b[n]))
        y = fma(h[n], c[n], y)
    return y


def gate(y: float, z: float) -> float:
    """Multiplies the scan's value by SiLU of `z` ("Gate")."""
    return f32(f32(y * z) * logistic(z))


def add(a: float, b: float) -> float:
    """Adds two values ("Sum")."""
    return f32(a + b)
