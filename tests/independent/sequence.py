"""The sequence that the golden cases draw from: `docs/arithmetic/golden-cases.md`, "The sequence"."""

from collections.abc import Callable

from .fixed import Precision
from .single import f32

MASK = 2**64 - 1


class Sequence:
    """Pseudo-random numbers of one case."""

    def __init__(self, seed: int) -> None:
        """Begins the sequence of a seed."""
        self.state = ((seed * 0x9E3779B97F4A7C15) & MASK) | 1

    def bits(self) -> int:
        """Returns the next 32 bits."""
        state = self.state
        state ^= state >> 12
        state = (state ^ (state << 25)) & MASK
        state ^= state >> 27
        self.state = state
        return ((state * 0x2545F4914F6CDD1D) & MASK) >> 32

    def integer(self, a: int, b: int) -> int:
        """Returns an integer of [a, b], an end of it more often."""
        k = self.bits() % 16
        if k < 2:
            return b if k else a
        return a + ((self.bits() * (b - a + 1)) >> 32)

    def float(self, limit: float) -> float:
        """Returns an f32 of [-limit, limit)."""
        v = (self.bits() >> 8) - 2**23
        return f32(f32(v / 8388608.0) * f32(limit))


class Values:
    """Values by type ("Operators"); `precision` is none for f32."""

    def __init__(self, seed: int, precision: Precision | None) -> None:
        """Begins the sequence of a seed."""
        self.sequence = Sequence(seed)
        self.precision = precision

    def matrix_shift(self) -> int:
        """Returns a shift of a matrix."""
        return self.shift(6, 14)

    def any(self) -> int:
        """Returns any `i32`."""
        return self.sequence.integer(-(2**31), 2**31 - 1)

    def activation(self) -> int | float:
        """Returns an activation."""
        if self.precision is None:
            return self.sequence.float(2.0)
        return self.sequence.integer(-32767, 32767)

    def input(self) -> int | float:
        """Returns a value of type `In`."""
        if self.precision is None:
            return self.sequence.float(2.0)
        shift = 16 - self.precision.bits
        return self.precision.to_in(self.sequence.integer(-32767, 32767) >> shift)

    def step(self) -> int | float:
        """Returns a step size."""
        if self.precision is None:
            return f32(self.sequence.float(0.5) + 0.5)
        value = self.sequence.integer(0, 2**30)
        return value >> self.sequence.integer(0, 12)

    def weight(self) -> int | float:
        """Returns a weight."""
        return self.sequence.float(0.5) if self.precision is None else self.sequence.integer(-127, 127)

    def bias(self) -> int | float:
        """Returns a bias."""
        if self.precision is None:
            return self.sequence.float(0.2)
        return self.sequence.integer(-(2**24), 2**24)

    def multiplier(self) -> int:
        """Returns a multiplier of `requantise`."""
        return self.sequence.integer(2**30, 2**31 - 1)

    def term(self) -> int:
        """Returns a factor or an offset of a checked magnitude."""
        return self.sequence.integer(-(2**30), 2**30)

    def shift(self, low: int, high: int) -> int:
        """Returns a shift of [low, high]."""
        return self.sequence.integer(low, high)


class BinaryValues(Values):
    """Values of f32 that are 0 or 1 ("Exact sums")."""

    def zero_or_one(self) -> float:
        """Returns 0 or 1."""
        return float(self.sequence.integer(0, 1))

    activation = input = weight = bias = zero_or_one


class ExtremeValues(Values):
    """Values at the ends of their formats ("Extremes"), for sums of so many products."""

    def __init__(self, seed: int, precision: Precision, products: int) -> None:
        """Begins the sequence of a seed."""
        super().__init__(seed, precision)
        self.products = products
        self.turn = 1

    def end(self, a: int) -> int:
        """Returns `a` and `-a` in turn."""
        self.turn = -self.turn
        return -self.turn * a

    def activation(self) -> int:
        """Returns an activation."""
        return self.end(32767)

    def input(self) -> int:
        """Returns a value of type `In`."""
        return self.precision.to_in(self.end(32767) >> (16 - self.precision.bits))

    def weight(self) -> int:
        """Returns a weight."""
        return self.end(127)

    def bias(self) -> int:
        """Returns the bias that is the largest allowed, of either sign."""
        return -self.end(2**31 - 1 - 127 * 32767 * self.products)

    def multiplier(self) -> int:
        """Returns a multiplier of `requantise`."""
        return (2**30, 2**31 - 1)[self.sequence.integer(0, 1)]

    def matrix_shift(self) -> int:
        """Returns a shift of a matrix."""
        return (1, 15, 16, 31)[self.sequence.integer(0, 3)]


def many(count: int, draw: Callable[[], int | float]) -> list:
    """Returns `count` values, drawn in order."""
    return [draw() for _ in range(count)]


def table(rows: int, columns: int, draw: Callable[[], int | float]) -> list[list]:
    """Returns an array of [rows, columns], drawn in order."""
    return [many(columns, draw) for _ in range(rows)]
