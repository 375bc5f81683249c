"""What a reader takes for one character: where a text may be cut. Pure.

The rules of UAX #29 (Unicode 15, 'Extended grapheme clusters') that matter to names, addresses and emoji: marks and
joiners stay with what they follow, flags are pairs, Hangul syllables and CR LF stay whole.
"""

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"
_TAGS = range(0xE0020, 0xE0080)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_HANGUL_LEADS = range(0x1100, 0x1160)
_HANGUL_VOWELS = range(0x1160, 0x11A8)
_HANGUL_TAILS = range(0x11A8, 0x1200)
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)


def clusters(text: str) -> Iterator[str]:
    """'e\u0301\u0301!' -> 'e\u0301\u0301', '!'. Joined they are the text."""
    start, flags = 0, 0
    for at in range(1, len(text) + 1):
        flags = flags + 1 if ord(text[at - 1]) in _FLAGS else 0
        if at == len(text) or not _holds(text[at - 1], text[at], flags):
            yield text[start:at]
            start, flags = at, 0


def _holds(before: str, after: str, flags: int) -> bool:
    """Whether there is no border between the two; `flags` regional indicators end with `before`."""
    if before <= "\x7f" and after <= "\x7f":
        return before == "\r" and after == "\n"
    code = ord(after)
    if after == _JOINER or unicodedata.category(after) in ("Mn", "Me", "Mc") or code in _SKIN_TONES or code in _TAGS:
        return before not in "\r\n"
    if before == _JOINER:
        return unicodedata.category(after) in ("So", "Sk")
    if code in _FLAGS:
        return flags % 2 == 1
    return _hangul(ord(before), code)


def _hangul(before: int, after: int) -> bool:
    if before in _HANGUL_LEADS:
        return after in _HANGUL_LEADS or after in _HANGUL_VOWELS or after in _HANGUL_SYLLABLES
    open_syllable = before in _HANGUL_SYLLABLES and (before - _HANGUL_SYLLABLES.start) % 28 == 0
    if before in _HANGUL_VOWELS or open_syllable:
        return after in _HANGUL_VOWELS or after in _HANGUL_TAILS
    return (before in _HANGUL_TAILS or before in _HANGUL_SYLLABLES) and after in _HANGUL_TAILS
