"""Functions and operators of f32: `docs/arithmetic/single-precision.md`.

A value is a Python float (binary64) that binary32 represents exactly. One operation of two such
values in binary64, rounded again to binary32, is the operation rounded once: 53 bits are at least
twice 24 and two more. `fma` needs a step of its own.
"""

import math
import operator
import struct
from array import array
from collections.abc import Sequence
from math import frexp, ldexp

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

    The product of two binary32 is exact in binary64. Rounding the binary64 sum again is rounding the
    exact sum once, unless the former lies in the middle of two binary32, for which 25 bits are enough:
    rounding to binary64 moves no sum across such a number, which binary64 has, only onto it.
    """
    product = a * b
    total = product + c
    if (frexp(total)[0] * 33554432.0).is_integer():
        total = to_odd(product, c)
    try:
        return to_single(of_single(total))[0]
    except OverflowError:
        return f32(total)


def fma_row(factors: Sequence[float], x: float, terms: Sequence[float]) -> list[float]:
    """Returns `fma(factor, x, term)` for each factor and term; calls cost much of the time."""
    products = [factor * x for factor in factors]
    totals = list(map(operator.add, products, terms))
    for i, (significand, _) in enumerate(map(frexp, totals)):
        if (significand * 33554432.0).is_integer():
            totals[i] = to_odd(products[i], terms[i])
    return array("f", totals).tolist()


def to_odd(a: float, b: float) -> float:
    """Returns `a + b` rounded to odd: where bits are lost, the neighbour whose last bit is 1.

    `error` is what the sum lost, exactly (Knuth's sum of two). Rounding what this returns to binary32
    is one rounding of the exact value (Boldo and Melquiond).
    """
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    if not error or not math.isfinite(total):
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
    for coefficient in EXP[6::-1]:
        total = fma(total, r, coefficient)
    half = int(n) // 2
    return f32(ldexp(f32(ldexp(total, half)), int(n) - half))


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


def matrix(w: Matrix, x: Sequence[float], taps: Sequence[int] | None = None) -> list[float]:
    """Returns all outputs; `taps` are the inputs' indices where some are left out."""
    acc = list(w.bias)
    columns = list(zip(*w.weight, strict=True))
    if taps is not None:
        columns = [columns[k] for k in taps]
    for factors, value in zip(columns, x, strict=True):
        acc = fma_row(factors, value, acc)
    return acc


def weight(w: Weight, x: Sequence[float], taps: Sequence[int] | None = None) -> list[float]:
    """Returns all outputs of a weight of any form."""
    if w.form == DENSE:
        return matrix(w.u, x, taps)
    m = matrix(w.v, x, taps)
    others = matrix(w.u, m)
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
    for n, (state, b_n, c_n) in enumerate(zip(h, b, c, strict=True)):
        if n > 0:
            a = f32(a * base) if p.tied else exponential(f32(dt * p.rate[n][e]))
        h[n] = fma(a, state, f32(drive * b_n))
        y = fma(h[n], c_n, y)
    return y


def gate(y: float, z: float) -> float:
    """Multiplies the scan's value by SiLU of `z` ("Gate")."""
    return f32(f32(y * z) * logistic(z))


def add(a: float, b: float) -> float:
    """Adds two values ("Sum")."""
    return f32(a + b)
