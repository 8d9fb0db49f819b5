"""Digests of layers: `docs/arithmetic/network.md`, "Digests"."""

from collections.abc import Iterable

BASIS = 0xCBF29CE484222325
PRIME = 0x00000100000001B3
WORD_MASK = 2**32 - 1
MASK = 2**64 - 1


def digest(words: Iterable[int]) -> int:
    """Returns FNV-1a of 64 bits over 32-bit words; a negative integer is its two's complement."""
    value = BASIS
    for word in words:
        value = ((value ^ (word & WORD_MASK)) * PRIME) & MASK
    return value


def printed(value: int) -> str:
    """Returns a digest as it is published: 16 hexadecimal digits after `0x`."""
    return f"0x{value:016x}"
