"""Functions and operators of w8a16 and w8a8: `docs/arithmetic/fixed-point.md`.

Python's integers do not wrap, so each value is checked to fit the width that the page writes
beside it: `WidthError` names the operator and the value where one does not.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import isqrt
from operator import mul

from .model_file import DENSE, LOW_RANK, Conv1d, Gate, Matrix, Norm, Scan, Sum, Weight

EXP2_COEFFICIENTS = (1518500250, -1052544167, 364784011, -84283003, 14605131, -2024701, 233903)
LN_1P_COEFFICIENTS = (
    1073741787, -536864952, 357750608, -266668066, 204836447,
    -146053022, 83232264, -31218039, 5504110,
)  # fmt: skip
LOG2_E_Q14 = 23637
LOG2_E_Q30 = 1549082005
COPY_SHIFT = 6


class WidthError(ArithmeticError):
    """An intermediate value does not fit the width that the specification claims."""


# Most of the time goes into these checks, so that the frequent ones call nothing while all is well.


def within(value: int, low: int, high: int, place: str) -> int:
    """Returns the value; raises `WidthError` where it is outside [low, high]."""
    if low <= value <= high:
        return value
    raise WidthError(f"{place}: {value} is outside [{low}, {high}]")


def i16(value: int, place: str) -> int:
    """Returns the value, checked to fit `i16`."""
    return within(value, -(2**15), 2**15 - 1, place)


def i32(value: int, place: str) -> int:
    """Returns the value, checked to fit `i32`."""
    if -(2**31) <= value <= 2**31 - 1:
        return value
    return within(value, -(2**31), 2**31 - 1, place)


def i64(value: int, place: str) -> int:
    """Returns the value, checked to fit `i64`."""
    if -(2**63) <= value <= 2**63 - 1:
        return value
    return within(value, -(2**63), 2**63 - 1, place)


def u32(value: int, place: str) -> int:
    """Returns the value, checked to fit `u32`."""
    if 0 <= value <= 2**32 - 1:
        return value
    return within(value, 0, 2**32 - 1, place)


def u64(value: int, place: str) -> int:
    """Returns the value, checked to fit `u64`."""
    if 0 <= value <= 2**64 - 1:
        return value
    return within(value, 0, 2**64 - 1, place)


# "Conventions".


def clamp(x: int, low: int, high: int) -> int:
    """Returns `x` within [low, high]."""
    return low if x < low else high if x > high else x


def sat16(x: int) -> int:
    """Saturates to `i16` without -32768."""
    return clamp(i32(x, "sat16"), -32767, 32767)


def sat8(x: int) -> int:
    """Saturates to `i8` without -128."""
    return clamp(i32(x, "sat8"), -127, 127)


def sat32(x: int) -> int:
    """Saturates an `i64` to `i32`."""
    return clamp(i64(x, "sat32"), -(2**31), 2**31 - 1)


def mulhi(a: int, b: int) -> int:
    """Returns the upper 32 bits of the product of two `i32`."""
    if -(2**31) <= a <= 2**31 - 1 and -(2**31) <= b <= 2**31 - 1:
        return (a * b) >> 32
    return (i32(a, "mulhi") * i32(b, "mulhi")) >> 32


def round_shift(x: int, n: int) -> int:
    """Shifts an `i64` right by `n` of at least 1, half up."""
    within(n, 1, 63, "round_shift by")
    return i64(i64(x, "round_shift") + (1 << (n - 1)), "round_shift with its half") >> n


def requantise(acc: int, multiplier: int, shift: int) -> int:
    """Multiplies an accumulator by `multiplier / 2^(32 + shift)`, half up; not clamped."""
    within(multiplier, 2**30, 2**31 - 1, "requantise multiplier")
    within(shift, 1, 31, "requantise shift")
    return i32(mulhi(acc, multiplier) + (1 << (shift - 1)), "requantise before the shift") >> shift


# "The two precisions".


class Precision:
    """What differs between w8a16 and w8a8: `BITS`, `to_in`, `narrow`, `widen`."""

    def __init__(self, bits: int) -> None:
        """`bits` is 16 or 8, the width of `In`."""
        self.bits = bits

    def to_in(self, x: int) -> int:
        """Saturates an `i32` to `In`."""
        return sat16(x) if self.bits == 16 else sat8(x)

    def narrow(self, x: int) -> int:
        """Makes an `i16` activation an `In`."""
        i16(x, "narrow")
        return x if self.bits == 16 else max(min(x + 128, 32767) >> 8, -127)

    def widen(self, x: int) -> int:
        """Makes an `In` an input of a product."""
        return i16(x, "widen") if self.bits == 16 else within(x, -128, 127, "widen") << 8


# "Functions".


def exp2_neg(n: int, f: int) -> int:
    """Returns `2^-(n + f / 2^31)` in Q0.31."""
    x = i32(2 * within(f, 0, 2**31 - 1, "exp2_neg f") - 2**31, "exp2_neg x")
    total = EXP2_COEFFICIENTS[6]
    for k in range(5, -1, -1):
        total = i32(EXP2_COEFFICIENTS[k] + mulhi(total, x), "exp2_neg sum")
    if n > 31:
        return 0
    return u32(min(total, 2**31), "exp2_neg") >> n


def logistic(x: int, q: int) -> int:
    """Returns `1 / (1 + e^-x)` in Q0.15 of an `i16` with `q` fraction bits."""
    p = within(abs(i16(x, "logistic x")) * LOG2_E_Q14, 0, 2**30 - 1, "logistic p")
    n = p >> (q + 14)
    f = (u64(p << 31, "logistic f") >> (q + 14)) % 2**31
    t = exp2_neg(n, f)
    d = within(32768 + (u32(t + 32768, "logistic t") >> 16), 2**15, 2**16, "logistic d")
    y = u32(2**30 + (d >> 1), "logistic y") // d
    return 32768 - y if x < 0 else y


def ln_1p(v: int) -> int:
    """Returns `ln(1 + v)` of a number in Q0.30 that is at most 1, in Q0.30."""
    within(v, 0, 2**30, "ln_1p v")
    z = i32(2**31 - 1 if v >= 2**30 else 2 * v, "ln_1p z")
    total = LN_1P_COEFFICIENTS[8]
    for k in range(7, -1, -1):
        total = i32(LN_1P_COEFFICIENTS[k] + 2 * mulhi(total, z), "ln_1p sum")
    return within(total * z, 0, 2**63 - 1, "ln_1p product") >> 31


def soft_plus(x: int) -> int:
    """Returns `ln(1 + e^x)` in Q7.24 of an `i32` in Q.12."""
    x = clamp(i32(x, "soft_plus x"), -65536, 262144)
    t = u64(abs(x) * LOG2_E_Q30, "soft_plus t")
    e = exp2_neg(t >> 42, (t >> 11) % 2**31)
    return within((max(x, 0) << 12) + (ln_1p(e >> 1) >> 6), 0, 2**30, "soft_plus")


def decay(dt: int, rate: int) -> int:
    """Returns `e^-(dt * rate)` in Q0.31; `dt` in Q7.24, `rate` in Q14.18 with log2(e) in it."""
    t = u64(within(dt, 0, 2**31 - 1, "decay dt") * u32(rate, "decay rate"), "decay t")
    return within(exp2_neg(min(t >> 42, 32), (t >> 11) % 2**31), 0, 2**31 - 1, "decay")


def reciprocal_sqrt(v: int) -> tuple[int, int]:
    """Returns `(m, h)` so that `1 / sqrt(v)` is about `m * 2^(h - 62)`."""
    within(v, 1, 2**64 - 1, "reciprocal_sqrt v")
    h = (64 - v.bit_length()) // 2
    root = within(isqrt(u64(v << (2 * h), "reciprocal_sqrt shifted")), 2**31, 2**32 - 1, "root")
    return 2**62 // root, h


# "Matrix product", "Forms".


def matrix(w: Matrix, o: int, x: Sequence[int], taps: Sequence[int] | None) -> int:
    """Returns output `o` of widened inputs; `taps` are the inputs' indices where some are left out."""
    weight = w.weight[o] if taps is None else [w.weight[o][k] for k in taps]
    within(len(x), len(weight), len(weight), "matrix inputs")
    sums = list(accumulate(map(mul, weight, x), initial=w.bias[o]))
    i32(min(sums), "matrix accumulator")
    i32(max(sums), "matrix accumulator")
    return requantise(sums[-1], w.multiplier[o], w.shift[o])


def weight(w: Weight, x: Sequence[int], taps: Sequence[int] | None = None) -> list[int]:
    """Returns all outputs of a weight of any form, not clamped; `x` is widened."""
    if w.form == DENSE:
        return [matrix(w.u, o, x, taps) for o in range(len(w.u.weight))]
    m = [sat16(matrix(w.v, i, x, taps)) for i in range(len(w.v.weight))]
    others = [matrix(w.u, o, m, None) for o in range(len(w.u.weight))]
    if w.form == LOW_RANK:
        return others
    copies = [copy(w.copies, p, m[p]) for p in range(len(m))]
    return [(copies + others)[p] for p in w.order]


def copy(copies: Matrix, p: int, value: int) -> int:
    """Returns the identity row `p` of an inner value."""
    acc = i32(copies.bias[p] + (value << COPY_SHIFT), "copies accumulator")
    return requantise(acc, copies.multiplier[p], copies.shift[p])


# The other operators, one pixel at a time.


def norm(p: Norm, x: Sequence[int]) -> list[int]:
    """Norms the channels of a pixel ("Norm"), before `convert`."""
    count = len(x)
    total = i32(sum(x), "norm sum")
    d = [within(count * value - total, -(2**24), 2**24, "norm d") for value in x]
    v = within(sum(value * value for value in d) + p.epsilon, 1, 2**63 - 1, "norm v")
    m, h = reciprocal_sqrt(v)
    out = []
    for value, gain, offset in zip(d, p.gain, p.offset, strict=True):
        normed = within(round_shift(value * m, 32 - h), -(2**30), 2**30, "norm normed")
        before = i32(mulhi(normed, gain) + offset + (1 << (p.shift - 1)), "norm before the shift")
        out.append(before >> p.shift)
    return out


def conv1d(p: Conv1d, e: int, window: Sequence[int]) -> int:
    """Convolves the four last values of channel `e` and applies SiLU, before `to_in`."""
    acc = p.bias[e]
    for tap in range(4):
        acc = i32(acc + p.weight[tap][e] * window[tap], "conv1d accumulator")
    c = sat16(requantise(acc, p.multiplier[e], p.shift[e]))
    product = within(c * logistic(c, p.fraction), -(2**30), 2**30, "conv1d c * logistic")
    return requantise(product, p.out_multiplier, p.out_shift)


def scan(
    p: Scan, bits: int, e: int, h: list[int], u: int, dt: int, b: Sequence[int], c: Sequence[int]
) -> int:
    """Advances the states `h` of channel `e` by a pixel and returns its output ("Selective scan")."""
    drive = sat32(round_shift(dt * u, bits - 1))
    base = decay(dt, p.rate[0][e])
    a = base
    total = 0
    for n in range(len(h)):
        if n > 0:
            a = u64(a * base + 2**30, "scan a") >> 31 if p.tied else decay(dt, p.rate[n][e])
        kept = round_shift(h[n] * u32(a, "scan a"), 31)
        h[n] = sat32(kept + round_shift(drive * b[n], p.state_shift[e]))
        total = i64(total + h[n] * c[n], "scan sum")
    y = mulhi(sat32(round_shift(total, 15)), p.multiplier[e]) + mulhi(u << (32 - bits), p.skip[e])
    half = 1 << (p.shift[e] - 1)
    return sat16(i32(i32(y, "scan y") + half, "scan before the shift") >> p.shift[e])


def gate(p: Gate, y: int, z: int) -> int:
    """Multiplies the scan's value by SiLU of `z` ("Gate"), before `to_in`."""
    silu = i32(round_shift(z * logistic(z, p.fraction), 15), "gate silu")
    product = within(y * silu, -(2**30), 2**30, "gate y * silu")
    return requantise(product, p.multiplier, p.shift)


def add(p: Sum, a: int, b: int) -> int:
    """Adds two values of different units ("Sum")."""
    total = mulhi(a << 16, p.a) + mulhi(b << 16, p.b)
    return sat16(i32(total + (1 << (p.shift - 1)), "sum before the shift") >> p.shift)
