"""Quiet hours and caps as they are written in the file, and their way into `routing.limits`."""

import re

from notifier.routing.limits import Caps, QuietHours, Rate

__all__ = ["Caps", "QuietHours", "Rate", "parse_day", "parse_rate", "parse_time"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_RATE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*(s|m|h|d)")
_PER_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_time(text: object) -> int:
    """'22:00' -> 1320."""
    if not isinstance(text, str) or (match := _TIME.fullmatch(text.strip())) is None:
        raise ValueError("is not a time of day: write it as '22:00'")
    return int(match[1]) * 60 + int(match[2])


def parse_day(text: object) -> int:
    """'mon' or 'Monday' -> 0."""
    word = text.strip().lower() if isinstance(text, str) else ""
    for names in (DAYS, _LONG):
        if word in names:
            return names.index(word)
    raise ValueError(f"is not a day of the week: write one of {', '.join(DAYS)}")


def parse_rate(text: object) -> Rate:
    """'20/h' -> Rate(count=20, per=3600000)."""
    if not isinstance(text, str) or (match := _RATE.fullmatch(text.strip())) is None:
        raise ValueError("is not a rate: write a number by s, m, h or d, as in 20/h")
    return Rate(count=int(match[1]), per=_PER_MS[match[2]])
