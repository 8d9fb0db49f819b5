"""The golden cases of functions and operators: `docs/arithmetic/golden-cases.md`.

    python3 -m independent.golden [NAME ...]

prints the name of each case and its digests of the seeds 1, 2 and 3.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from . import fixed, single
from .digest import digest, printed
from .model_file import DENSE, IDENTITY_ROWS, LOW_RANK, Conv1d, Gate, Matrix, Norm, Scan, Sum, Weight
from .network import ARITHMETIC, FixedPoint, SinglePrecision, conv3x3
from .sequence import BinaryValues, ExtremeValues, Sequence, Values, many, table
from .single import f32

Words = Iterator[int]
SEEDS = (1, 2, 3)
RESULTS = 2048
CHANNELS, STATES, PIXELS = 23, 5, 12
OUTPUTS, RANK = 23, 5
LINEAR_INPUTS, CONV_CHANNELS = 11, 3
EXTREME_OUTPUTS, EXTREME_INPUTS, EXTREME_CHANNELS = 15, 119, 14
TAILS = (*range(1, 18), *range(31, 34))
LINEAR_TAILS = (
    *((n, n) for n in range(1, 18)),
    *((n, 50 - n) for n in range(31, 34)),
    *((50 - n, n) for n in range(31, 34)),
)


# "Functions", fixed point.


def mulhi(v: Values) -> int:
    """Returns a result of `mulhi/fixed`."""
    return fixed.mulhi(v.any(), v.any())


def requantise(v: Values) -> int:
    """Returns a result of `requantise/fixed`."""
    multiplier, acc = v.multiplier(), v.any()
    return fixed.requantise(acc, multiplier, v.shift(1, 31))


def exp2_neg(v: Values) -> int:
    """Returns a result of `exp2_neg/fixed`."""
    n = v.sequence.integer(0, 33)
    return fixed.exp2_neg(n, v.sequence.integer(0, 2**31 - 1))


def logistic(v: Values) -> int:
    """Returns a result of `logistic/fixed`."""
    x = v.sequence.integer(-32768, 32767)
    return fixed.logistic(x, v.sequence.integer(0, 15))


def soft_plus(v: Values) -> int:
    """Returns a result of `soft_plus/fixed`."""
    return fixed.soft_plus(v.sequence.integer(-80000, 270000))


def decay(v: Values) -> int:
    """Returns a result of `decay/fixed`."""
    k = v.sequence.integer(0, 20)
    dt = v.sequence.integer(0, 2**30) >> k
    b = v.sequence.bits()
    return fixed.decay(dt, b >> v.sequence.integer(0, 20))


def reciprocal_sqrt(v: Values) -> int:
    """Returns a result of `reciprocal_sqrt/fixed`."""
    a, b = v.sequence.bits(), v.sequence.bits()
    m, h = fixed.reciprocal_sqrt(max(1, (a * 2**32 + b) >> v.sequence.integer(0, 63)))
    return m + h


def saturate(v: Values) -> int:
    """Returns a result of `saturate/fixed`."""
    w, j = v.any(), v.sequence.integer(0, 31)
    return fixed.sat32(w << j) + fixed.sat16(v.sequence.integer(-40000, 40000))


def repeated(function: Callable[[Values], int], seed: int) -> Words:
    """Yields the results of a function of fixed point."""
    values = Values(seed, None)
    for _ in range(RESULTS):
        yield function(values)


# "Functions", f32.

SPECIAL = (0.0, 2.0**-126, 1.0, -1.0, 88.0, 89.0, -87.5, -103.9, -104.1, -150.0)
RANGES = (100.0, 8.0, 1.0, 1e-3)


def singles(function: Callable[[float], float], seed: int) -> Words:
    """Yields the results of a function of f32."""
    sequence = Sequence(seed)
    for x in SPECIAL:
        yield single.bits(function(f32(x)))
    for i in range(RESULTS):
        yield single.bits(function(sequence.float(RANGES[i % 4])))


def fma(x: float) -> float:
    """Returns a result of `fma/f32`."""
    return single.fma(x, f32(1.1), -x)


def round_product(seed: int) -> Words:
    """Yields the results of `round_product/f32`."""
    sequence = Sequence(seed)
    for _ in range(RESULTS):
        yield round(255.0 * sequence.float(1.0))


# "Below the normal numbers".

TINY, SMALL = 2.0**-75, 2.0**-55


def subnormal_exponentials(seed: int) -> Words:
    """Yields the results of `exponential_subnormal/f32`."""
    sequence = Sequence(seed)
    for _ in range(RESULTS):
        yield single.bits(single.exponential(f32(-95.5 + sequence.float(8.5))))


def subnormal_logistic(x: float) -> float:
    """Returns a result of `logistic_subnormal/f32`."""
    return single.logistic(f32(-95.0 - f32(9.0 * max(-1.0, min(1.0, x)))))


def subnormal_products(seed: int) -> Words:
    """Yields the results of `product_subnormal/f32`."""
    sequence = Sequence(seed)
    for _ in range(RESULTS // CHANNELS):
        x = many(CHANNELS, partial(sequence.float, TINY))
        for limit in (SMALL, 4.0):
            factors = many(CHANNELS, partial(sequence.float, limit))
            x = [f32(a * b) for a, b in zip(x, factors)]
            yield from map(single.bits, x)
        yield from (single.bits(f32(a + a)) for a in x)


def subnormal_quotients(seed: int) -> Words:
    """Yields the results of `quotient_subnormal/f32`."""
    sequence = Sequence(seed)
    for _ in range(RESULTS // 4):
        small = f32(sequence.float(TINY) * f32(1e-14))
        divisor = f32(sequence.float(1.0) + 1.5)
        yield single.bits(f32(small / divisor))
        yield single.bits(f32(small / f32(divisor * 1e3)))
        yield single.bits(f32(divisor / f32(sequence.float(5e37) + f32(1.5e38))))


def subnormal_chains(seed: int) -> Words:
    """Yields the results of `fma_chain_subnormal/f32`."""
    sequence = Sequence(seed)
    for i in range(RESULTS // 64):
        acc = many(CHANNELS, lambda: f32(sequence.float(TINY) * SMALL))
        limit = SMALL if i % 2 == 0 else f32(1e4 * SMALL)
        for _ in range(8):
            x = sequence.float(limit)
            weights = many(CHANNELS, partial(sequence.float, TINY))
            acc = [single.fma(w, x, a) for w, a in zip(weights, acc)]
            yield from map(single.bits, acc)
        factor = sequence.float(1e-3)
        yield from (single.bits(f32(a * factor)) for a in acc)


def special_values(seed: int) -> Words:
    """Yields the results of `special/f32`."""
    sequence = Sequence(seed)
    sizes = [0.0, 2.0**-149, single.from_bits(0x007FFFFF), 2.0**-126, 1.0]
    values = [value for size in sizes for value in (size, -size)]
    for a in values:
        for function in (single.exponential, single.soft_plus, single.logistic):
            yield single.bits(function(a))
        yield round(255.0 * a)
        scale = sequence.float(1.0)
        for b in values:
            yield from map(single.bits, (f32(a + b), f32(a - b), f32(a * b), f32(b * scale)))
            yield from (int(a < b), int(a > 0.0))
            yield from (single.bits(single.fma(a, b, c)) for c in values)


# "Operators".


class Case:
    """An operator in a precision: what it draws, and the words of its results."""

    def __init__(self, precision: str, seed: int) -> None:
        """Begins the sequence of a seed."""
        self.arithmetic: FixedPoint | SinglePrecision = ARITHMETIC[precision]()
        self.fixed = isinstance(self.arithmetic, FixedPoint)
        self.values = Values(seed, self.arithmetic.precision if self.fixed else None)
        self.word = self.arithmetic.word
        self.channels, self.states, self.pixels = CHANNELS, STATES, PIXELS
        self.outputs, self.rank = OUTPUTS, RANK
        self.linear_inputs, self.conv_channels = LINEAR_INPUTS, CONV_CHANNELS

    def tails(self, operator: Callable[["Case"], Words]) -> Words:
        """Yields the results of `*_tail` of an operator along the sequence."""
        self.pixels = 2
        for size in TAILS:
            self.channels, self.states = size, 1 + size % 5
            yield from operator(self)

    def linear_tail(self) -> Words:
        """Yields the results of `linear_tail`."""
        self.pixels, self.rank = 2, 1
        for self.outputs, self.linear_inputs in LINEAR_TAILS:
            yield from self.linear(DENSE)

    def norm(self) -> Words:
        """Yields the results of `norm`."""
        v = self.values
        if self.fixed:
            gain, offset = many(self.channels, v.term), many(self.channels, v.term)
            shift, mantissa = v.shift(10, 30), max(v.sequence.bits(), 1)
            p = Norm(gain, offset, shift, mantissa << v.shift(0, 30))
        else:
            p = Norm(
                many(self.channels, partial(v.sequence.float, 2.0)),
                many(self.channels, partial(v.sequence.float, 1.0)),
            )
        for i in range(self.pixels + 1):
            x = many(self.channels, v.activation)
            x = [x[0]] * self.channels if i == self.pixels else x
            for first in (True, False):
                yield from map(self.word, self.arithmetic.norm(p, x, first))

    def norm_fine(self) -> Words:
        """Yields the results of `norm_fine`: outputs show one unit of `normed`."""
        v = self.values
        gain = many(self.channels, v.multiplier)
        offset = many(self.channels, partial(v.sequence.integer, -4096, 4096))
        shift = v.shift(1, 3)
        p = Norm(gain, offset, shift, max(v.sequence.bits(), 1))
        for _ in range(self.pixels):
            x = [32767, -32767, *many(self.channels - 2, partial(v.sequence.integer, -3, 3))]
            yield from map(self.word, self.arithmetic.norm(p, x, True))

    def conv1d(self) -> Words:
        """Yields the results of `conv1d`."""
        v = self.values
        p = Conv1d(table(4, self.channels, v.weight), many(self.channels, v.bias))
        if self.fixed:
            p.multiplier = many(self.channels, v.multiplier)
            p.shift = many(self.channels, partial(v.shift, 1, 12))
            p.fraction, p.out_multiplier = v.shift(0, 15), v.multiplier()
            p.out_shift = v.shift(1, 12)
        pixels = [[self.arithmetic.zero] * self.channels for _ in range(3)]
        for _ in range(self.pixels):
            pixels.append(many(self.channels, v.activation))
            for e in range(self.channels):
                yield self.word(self.arithmetic.conv1d(p, e, [x[e] for x in pixels[-4:]]))
        for x in pixels[-3:]:
            yield from map(self.word, x)

    def scan(self, tied: bool) -> Words:
        """Yields the results of `scan_full` or `scan_tied`."""
        yield from self.scanned(self.scan_parameters(tied))

    def scan_fine(self) -> Words:
        """Yields the results of `scan_fine`: outputs show one unit of the states' sum."""
        v = self.values
        p = self.scan_parameters(False)
        p.state_shift = many(self.channels, partial(v.shift, 28, 40))
        p.skip = many(self.channels, partial(v.sequence.integer, -(2**16), 2**16))
        p.shift = many(self.channels, partial(v.shift, 1, 3))
        yield from self.scanned(p)

    def scanned(self, p: Scan) -> Words:
        """Draws the pixels of a scan and yields its results."""
        v = self.values
        states = [[self.arithmetic.zero] * self.states for _ in range(self.channels)]
        for _ in range(self.pixels):
            u, dt = many(self.channels, v.input), many(self.channels, v.step)
            b, c = many(self.states, v.activation), many(self.states, v.activation)
            for e in range(self.channels):
                yield self.word(self.arithmetic.scan(p, e, states[e], u[e], dt[e], b, c))
        for n in range(self.states):
            yield from (self.word(states[e][n]) for e in range(self.channels))

    def scan_parameters(self, tied: bool) -> Scan:
        """Draws the parameters of a scan."""
        v = self.values
        if not self.fixed:
            rate = table(self.states, self.channels, lambda: f32(v.sequence.float(2.0) - 2.0))
            return Scan(tied, rate, many(self.channels, partial(v.sequence.float, 1.0)))

        def draw_rate() -> int:
            bits = v.sequence.bits()
            return bits >> v.shift(0, 20)

        rate = table(self.states, self.channels, draw_rate)
        state_shift = many(self.channels, partial(v.shift, 1, 40))
        multiplier, skip = many(self.channels, v.term), many(self.channels, v.term)
        return Scan(tied, rate, skip, state_shift, multiplier, many(self.channels, partial(v.shift, 8, 30)))

    def gate(self) -> Words:
        """Yields the results of `gate`."""
        v = self.values
        for _ in range(self.pixels):
            p = Gate()
            if self.fixed:
                p.multiplier = v.multiplier()
                p.shift = v.shift(1, 12)
                p.fraction = v.shift(0, 15)
            y, z = many(self.channels, v.activation), many(self.channels, v.activation)
            yield from (self.word(self.arithmetic.gate(p, *pair)) for pair in zip(y, z))

    def sum(self) -> Words:
        """Yields the results of `sum`."""
        v = self.values
        for _ in range(self.pixels):
            p = Sum()
            if self.fixed:
                p.a, p.b = v.term(), v.term()
                p.shift = v.shift(8, 30)
            a, b = many(self.channels, v.activation), many(self.channels, v.activation)
            yield from (self.word(self.arithmetic.sum(p, *pair)) for pair in zip(a, b))

    def sum_fine(self) -> Words:
        """Yields the results of `sum_fine`: outputs show one unit of a term."""
        v = self.values
        for _ in range(self.pixels):
            terms = many(2, partial(v.sequence.integer, -(2**16), 2**16))
            p = Sum(*terms, v.shift(1, 7))
            a, b = many(self.channels, v.activation), many(self.channels, v.activation)
            yield from (self.word(self.arithmetic.sum(p, *pair)) for pair in zip(a, b))

    def linear(self, form: int) -> Words:
        """Yields the results of `linear_*`."""
        v = self.values
        w = self.draw_weight(form, self.linear_inputs)
        for _ in range(self.pixels):
            x = self.arithmetic.widen(many(self.linear_inputs, v.input))
            yield from map(self.word, self.arithmetic.weight(w, x))
        unclamped = fixed.weight if self.fixed else single.weight
        for _ in range(self.pixels):
            yield from map(self.word, unclamped(w, many(self.linear_inputs, v.activation)))

    def conv3x3(self, form: int) -> Words:
        """Yields the results of `conv3x3_*`."""
        w = self.draw_weight(form, 9 * self.conv_channels)
        drawn = [table(4, self.conv_channels, self.values.input) for _ in range(3)]
        rows = [[self.arithmetic.widen(x) for x in row] for row in drawn]
        for width in (4, 1):
            for first, last, middle in ((1, 3, 0), (0, 3, 1), (0, 2, 1)):
                pixels = [x for row in rows[first:last] for x in row[:width]]
                out = conv3x3(self.arithmetic, w, pixels, width, last - first)
                for x in out[middle * width : (middle + 1) * width]:
                    yield from map(self.word, x)

    def draw_weight(self, form: int, inputs: int) -> Weight:
        """Draws all parameters, whatever the form, and makes the form's matrices of them."""
        v = self.values
        flat_w = many(inputs * self.outputs, v.weight)
        flat_f = many(self.rank * self.outputs, v.weight)
        bias, multiplier = many(self.outputs, v.bias), many(self.outputs, v.multiplier)
        shift = many(self.outputs, v.matrix_shift)

        def matrix(flat: list, inputs: int, first: int, last: int, has_bias: bool) -> Matrix:
            count = last - first
            rows = [[flat[count * k + o] for k in range(inputs)] for o in range(count)]
            zeros = [self.arithmetic.zero] * count
            stored = bias[first:last] if has_bias else zeros
            return Matrix(rows, stored, multiplier[first:last], shift[first:last])

        if form == DENSE:
            return Weight(form, matrix(flat_w, inputs, 0, self.outputs, True))
        inner = matrix(flat_w, inputs, 0, self.rank, False)
        if form == LOW_RANK:
            return Weight(form, matrix(flat_f, self.rank, 0, self.outputs, True), inner)
        copies = matrix([], 0, 0, self.rank, True)
        others = matrix(flat_f, self.rank, self.rank, self.outputs, True)
        return Weight(form, others, inner, copies, [(7 * i + 3) % self.outputs for i in range(self.outputs)])


def binary(operator: Callable[[Case, int], Words], seed: int) -> Words:
    """Yields the results of a `*_binary/f32`."""
    case = Case("f32", seed)
    case.values = BinaryValues(seed, None)
    return operator(case, DENSE)


def extreme(operator: Callable[[Case, int], Words], precision: str, products: int, seed: int) -> Words:
    """Yields the results of a `*_extreme`."""
    case = Case(precision, seed)
    case.values = ExtremeValues(seed, case.values.precision, products)
    case.outputs, case.linear_inputs, case.conv_channels = EXTREME_OUTPUTS, EXTREME_INPUTS, EXTREME_CHANNELS
    return operator(case, DENSE)


FORMS = {"dense": DENSE, "low_rank": LOW_RANK, "identity_rows": IDENTITY_ROWS}
OPERATORS: dict[str, Callable[[Case], Words]] = {
    "norm": Case.norm,
    "conv1d": Case.conv1d,
    "scan_full": lambda case: case.scan(False),
    "scan_tied": lambda case: case.scan(True),
    "gate": Case.gate,
    "sum": Case.sum,
    "norm_tail": lambda case: case.tails(Case.norm),
    "conv1d_tail": lambda case: case.tails(Case.conv1d),
    "scan_tail": lambda case: case.tails(lambda case: case.scan(False)),
    "gate_tail": lambda case: case.tails(Case.gate),
    "sum_tail": lambda case: case.tails(Case.sum),
    "linear_tail": Case.linear_tail,
    **{f"linear_{name}": lambda case, form=form: case.linear(form) for name, form in FORMS.items()},
    **{f"conv3x3_{name}": lambda case, form=form: case.conv3x3(form) for name, form in FORMS.items()},
}
FIXED_FUNCTIONS = (
    mulhi, requantise, exp2_neg, logistic, soft_plus, decay, reciprocal_sqrt, saturate,
)  # fmt: skip
SINGLE_FUNCTIONS = {
    "exponential": single.exponential,
    "soft_plus": single.soft_plus,
    "logistic": single.logistic,
    "fma": fma,
}


def cases() -> dict[str, Callable[[int], Words]]:
    """Returns all cases by name: the words of a seed."""
    found: dict[str, Callable[[int], Words]] = {
        "round_product/f32": round_product,
        "exponential_subnormal/f32": subnormal_exponentials,
        "logistic_subnormal/f32": partial(singles, subnormal_logistic),
        "product_subnormal/f32": subnormal_products,
        "quotient_subnormal/f32": subnormal_quotients,
        "fma_chain_subnormal/f32": subnormal_chains,
        "special/f32": special_values,
    }
    for function in FIXED_FUNCTIONS:
        found[f"{function.__name__}/fixed"] = partial(repeated, function)
    for name, of_single in SINGLE_FUNCTIONS.items():
        found[f"{name}/f32"] = partial(singles, of_single)
    for name, operator in OPERATORS.items():
        for precision in ARITHMETIC:
            both = name.removesuffix("_tail") in ("norm", "sum")
            if both and precision == "w8a16":
                continue
            label = "fixed" if both and precision == "w8a8" else precision
            found[f"{name}/{label}"] = lambda seed, o=operator, p=precision: o(Case(p, seed))
    found["norm_fine/fixed"] = lambda seed: Case("w8a8", seed).norm_fine()
    found["sum_fine/fixed"] = lambda seed: Case("w8a8", seed).sum_fine()
    found["linear_binary/f32"] = partial(binary, Case.linear)
    found["conv3x3_binary/f32"] = partial(binary, Case.conv3x3)
    for precision in ("w8a16", "w8a8"):
        found[f"scan_fine/{precision}"] = lambda seed, p=precision: Case(p, seed).scan_fine()
        found[f"linear_extreme/{precision}"] = partial(extreme, Case.linear, precision, EXTREME_INPUTS)
        found[f"conv3x3_extreme/{precision}"] = partial(
            extreme, Case.conv3x3, precision, 9 * EXTREME_CHANNELS
        )
    return found


def main() -> int:
    """Prints the digests of the cases that are named, or of all."""
    names = sys.argv[1:]
    for name, words in cases().items():
        if not names or name in names:
            print(name, *(printed(digest(words(seed))) for seed in SEEDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
