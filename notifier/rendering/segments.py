"""What an SMS costs: its encoding, its segments, and a text shortened to a budget of them. Pure.

3GPP TS 23.038, 6.2.1: the GSM 7-bit default alphabet, whose extension table takes two septets a character; anything
else makes the whole message UCS-2. 3GPP TS 23.040, 9.2.3.24.1: the header of a concatenated message leaves 153 septets
or 67 UCS-2 units of 160 or 70. Neither an escaped character nor a surrogate pair is divided between two segments, so
a segment may stay one unit short.
"""

from typing import Literal, NamedTuple

from notifier.rendering.graphemes import clusters

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("\u2018\u2019\u02bc`´", "'"),
        **dict.fromkeys("\u201c\u201d\u201e«»", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        "…": "...",
        "→": "->",
        "×": "x",
        "•": "-",
    }
)
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " "))


class Size(NamedTuple):
    """`units` are septets or UCS-2 units (surrogate pairs are two); `segments` is what is paid for."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    segments: int


def size(text: str) -> Size:
    """'Привет' -> Size('ucs2', 6, 1). An empty text is one segment too."""
    encoding: Literal["gsm7", "ucs2"] = "gsm7" if is_gsm(text) else "ucs2"
    packing = _Packing(encoding)
    for character in text:
        packing.add(character)
    return Size(encoding, packing.units, packing.segments)


def is_gsm(text: str) -> bool:
    return all(character in BASIC or character in EXTENDED for character in text)


def economical(text: str) -> str:
    """The same text in the GSM alphabet where only its typography stands in the way, else only its spaces plain."""
    plain = text.translate(_PLAIN)
    return plain if is_gsm(plain) else text.translate(_SPACES)


def fit(text: str, segments: int) -> str:
    """The text itself if it takes at most so many segments, else its beginning with an ellipsis, which does.

    It ends after a word where that costs less than half of the text, never inside a character: a surrogate pair, a
    letter with its accents or an emoji of several parts stays whole. ValueError for less than one segment.
    """
    if segments < 1:
        raise ValueError(f"a message has at least one segment, not {segments}")
    if size(text).segments <= segments:
        return text
    # Where not even a first "letter" goes (a hundred accents on one), nothing but the ellipsis is left.
    return max(_cut(text, segments, "gsm7", "..."), _cut(text, segments, "ucs2", "…"), key=len) or "…"


def _cut(text: str, segments: int, encoding: Literal["gsm7", "ucs2"], ellipsis: str) -> str:
    """The longest beginning in this encoding; empty where not even a first character goes."""
    packing = _Packing(encoding)
    at = best = word = 0
    for cluster in clusters(text):
        if encoding == "gsm7" and not is_gsm(cluster):
            break
        if cluster.isspace():
            word = best if best == at else word
        for character in cluster:
            packing.add(character)
        at += len(cluster)
        if packing.segments > segments:
            break
        if packing.with_more(ellipsis) <= segments:
            best = at
    if best == 0:
        return ""
    if best < len(text) and not text[best].isspace() and word * 2 > best:
        best = word
    return text[:best].rstrip(" \n\r,;:–—-(«\"'") + ellipsis


class _Packing:
    """Characters as they fill one segment, or several shorter ones."""

    def __init__(self, encoding: Literal["gsm7", "ucs2"]) -> None:
        self._gsm = encoding == "gsm7"
        self._alone, self._joined = (160, 153) if self._gsm else (70, 67)
        self.units = 0
        self._full = 0  # segments that are full, were there several
        self._used = 0  # units of the one after them

    def _cost(self, character: str) -> int:
        if self._gsm:
            return 2 if character in EXTENDED else 1
        return 2 if ord(character) > 0xFFFF else 1

    def add(self, character: str) -> None:
        cost = self._cost(character)
        self.units += cost
        if self._used + cost > self._joined:
            self._full, self._used = self._full + 1, 0
        self._used += cost

    @property
    def segments(self) -> int:
        return 1 if self.units <= self._alone else self._full + 1

    def with_more(self, text: str) -> int:
        """The segments with this text behind, which stays out."""
        kept = self.units, self._full, self._used
        for character in text:
            self.add(character)
        segments = self.segments
        self.units, self._full, self._used = kept
        return segments
