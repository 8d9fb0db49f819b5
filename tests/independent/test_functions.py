"""Checks of the functions by themselves: `python3 -m unittest independent.test_functions`.

The calls are those of `docs/arithmetic/example.md`, "Functions"; `fma` is compared with exact
rational numbers.
"""

import math
import random
import unittest
from fractions import Fraction

from . import fixed, single

DRAWS = 20_000


def nearest(exact: Fraction) -> float:
    """Returns the binary32 nearest to a rational number, ties to even."""
    if exact == 0:
        return 0.0
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round(size / unit) * unit
    return math.copysign(float(rounded) if rounded < 2**128 else math.inf, exact)


def draw(source: random.Random) -> float:
    """Returns a finite binary32: any bits, or few bits near 1, so that ties come up."""
    if source.random() < 0.3:
        return single.from_bits(source.getrandbits(1) << 31 | source.randrange(255 << 23))
    mantissa = source.choice([1, 3, 2**23 + 1, 2**24 - 1, 2 ** source.randrange(24)])
    return source.choice([-1, 1]) * mantissa * 2.0 ** source.randrange(-60, 20)


class Functions(unittest.TestCase):
    """The worked examples and `fma`."""

    def test_fixed_examples(self) -> None:
        """Calls of fixed point."""
        self.assertEqual(fixed.requantise(4, 2**30, 1), 1)
        self.assertEqual(fixed.requantise(-4, 2**30, 1), 0)
        self.assertEqual(fixed.requantise(-100000, 1518500250, 7), -276)
        self.assertEqual(fixed.exp2_neg(0, 2**30), 1518500250)
        self.assertEqual(fixed.exp2_neg(2, 536870912), 451452825)
        self.assertEqual(fixed.exp2_neg(0, 0), 2147483459)
        self.assertEqual(fixed.logistic(1000, 10), 23803)
        self.assertEqual(fixed.logistic(-32768, 0), 0)
        self.assertEqual(fixed.soft_plus(-4096), 5255658)
        self.assertEqual(fixed.soft_plus(0), 11629079)
        self.assertEqual(fixed.decay(1048576, 378194), 2017374094)
        self.assertEqual(fixed.reciprocal_sqrt(1000), (1086550330, 27))

    def test_single_examples(self) -> None:
        """Calls of single precision."""
        self.assertEqual(single.bits(single.exponential(-1.0)), 0x3EBC5AB2)
        self.assertEqual(single.bits(single.exponential(-95.0)), 0x00000F64)
        self.assertEqual(single.bits(single.soft_plus(0.5)), 0x3F795D1C)
        self.assertEqual(single.bits(single.logistic(-2.0)), 0x3DF420A9)

    def test_widths_are_checked(self) -> None:
        """A value that does not fit is an error that names the operator."""
        with self.assertRaisesRegex(fixed.WidthError, "mulhi"):
            fixed.mulhi(2**31, 1)
        with self.assertRaisesRegex(fixed.WidthError, "requantise multiplier"):
            fixed.requantise(1, 2**30 - 1, 1)

    def test_fma_is_rounded_once(self) -> None:
        """`fma` is the rounded rational, also where binary64 alone would round twice."""
        source = random.Random(1)
        twice = 0
        for _ in range(DRAWS):
            a, b, c = draw(source), draw(source), draw(source)
            if source.random() < 0.5:
                near = a * b * (1 + source.choice([-1, 1]) * 2.0 ** -source.randrange(1, 30))
                c = single.f32(near * 2.0 ** source.randrange(-30, 30))
            if not math.isfinite(c):
                continue
            expected = nearest(Fraction(a) * Fraction(b) + Fraction(c))
            self.assertEqual(single.fma(a, b, c), expected, (a, b, c))
            self.assertEqual(single.fma_row([1.0, a], b, [0.0, c]), [b, expected], (a, b, c))
            twice += single.f32(a * b + c) != expected
        self.assertGreater(twice, 10)


if __name__ == "__main__":
    unittest.main()
