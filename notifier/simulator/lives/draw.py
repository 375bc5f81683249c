"""Draws that depend on their name alone: the same parts give the same numbers in every process and version."""

import random
from hashlib import blake2b


def _digest(parts: tuple[object, ...]) -> int:
    # Built-in hash() is salted for each process, so it would tell another life after every restart.
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def generator(*parts: object) -> random.Random:
    """A generator seeded by `parts`."""
    return random.Random(_digest(parts))


def fraction(*parts: object) -> float:
    """A number in [0, 1) drawn by `parts`: one choice that must not depend on the choices before it."""
    return (_digest(parts) >> 11) / 2**53


def number(*parts: object, digits: int = 9) -> int:
    """A positive integer of exactly `digits` digits drawn by `parts`: phone numbers, ids."""
    least = int(10 ** (digits - 1))
    return least + int(fraction(*parts) * 9 * least)
