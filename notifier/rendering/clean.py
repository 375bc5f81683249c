"""Texts from outside, made harmless before a template sees them. Pure.

Whoever writes a name, a comment or a label must not be able to add a header, a line, a hidden word or another reading
order to a message: control and format characters go, white space becomes a single space, right-to-left parts are
isolated (UAX #9, 'Explicit Directional Isolates'), and every text has a bounded length.
"""

import unicodedata

from notifier.rendering.graphemes import clusters

LONGEST = 200  # characters of one value
MARKS = 4  # combining marks on one letter; more is a way of painting over the lines around it

_KEPT_FORMATS = frozenset("\u200c\u200d")  # joiners: some scripts and emoji need them
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_ISOLATE, _END = "\u2068", "\u2069"


def value(text: object, longest: int = LONGEST) -> str:
    """One value, on one line. None is empty, numbers are their decimal text."""
    if text is None:
        return ""
    cleaned = _one_line(str(text)[: longest * 3])
    return _isolated(shortened(_without_piles(cleaned), longest))


def line(text: str, longest: int) -> str:
    """A line of a message that a template has made: isolates of its values stay."""
    return shortened(_one_line(text, keep=frozenset({_ISOLATE, _END})), longest)


def lines(text: str, longest: int) -> str:
    """A text of several lines: each clean, at most one empty one between two, none at its ends."""
    cleaned = [_one_line(each, keep=frozenset({_ISOLATE, _END})) for each in text.replace("\r\n", "\n").split("\n")]
    kept = [each for number, each in enumerate(cleaned) if each or (number and cleaned[number - 1])]
    return shortened("\n".join(kept).strip("\n"), longest)


def shortened(text: str, longest: int) -> str:
    """At most so many characters, the last of them an ellipsis where something was left out."""
    if len(text) <= longest:
        return text
    kept = ""
    for cluster in clusters(text[: longest + 64]):
        if len(kept) + len(cluster) >= longest:
            break
        kept += cluster
    end = "…" + _END * (kept.count(_ISOLATE) - kept.count(_END))
    return kept.rstrip() + end


def _one_line(text: str, keep: frozenset[str] = frozenset()) -> str:
    """White space (line ends, tabs, no-break spaces at the ends) becomes single spaces, what is not seen goes."""
    shown: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if character in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85" or category in ("Zl", "Zp"):
            shown.append(" ")
        elif category not in _DROPPED or character in _KEPT_FORMATS or character in keep:
            shown.append(character)
    joined = "".join(shown)
    return " ".join(part for part in joined.split(" ") if part)


def _without_piles(text: str) -> str:
    if text.isascii():
        return text
    parts: list[str] = []
    for cluster in clusters(text):
        seen = 0
        for character in cluster:
            seen += unicodedata.category(character) in ("Mn", "Me")
            if seen <= MARKS or unicodedata.category(character) not in ("Mn", "Me"):
                parts.append(character)
    return "".join(parts)


def _isolated(text: str) -> str:
    """A right-to-left part must not reorder the sentence around it."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"{_ISOLATE}{text}{_END}"
    return text
