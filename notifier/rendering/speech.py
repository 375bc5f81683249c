"""How a locale writes times, money and plurals: Babel (CLDR), and what a message needs beyond it. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, format_time
from babel.numbers import format_currency, get_currency_symbol

from notifier.model import Instant

LAST = "en"
"""The locale that every template has."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_000_000_000, 253_402_000_000_000  # within the years 1 and 9999, in any zone


def chain(tag: str) -> tuple[str, ...]:
    """'ru-RU' -> ('ru-RU', 'ru', 'en'): where a text is looked for. Case and `_` do not matter."""
    steps = normal(tag).split("-")
    found = ["-".join(steps[:end]) for end in range(len(steps), 0, -1)]
    return tuple(dict.fromkeys((*found, LAST)))


def normal(tag: str) -> str:
    """'RU_ru' -> 'ru-RU', as RFC 5646, 2.1.1 writes tags."""
    language, *rest = tag.replace("_", "-").split("-")
    shaped = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in rest]
    return "-".join((language.lower(), *shaped))


@lru_cache(maxsize=256)
def known(tag: str) -> Locale:
    """The nearest locale that Babel knows."""
    for step in chain(tag):
        try:
            return Locale.parse(step, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale(LAST)


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """UTC for a name that this machine does not know: addresses were checked where they came in."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def local(at: Instant, timezone: str) -> datetime:
    """To the millisecond; what no calendar holds is the nearest that does."""
    return (_EPOCH + timedelta(milliseconds=min(max(at, _FIRST), _LAST))).astimezone(zone(timezone))


class Speech:
    """One reader's language and zone.

    `told` says that the zone is the reader's own. Another one is the source's: where that is UTC, which hardly any
    reader lives by, every time says so.
    """

    def __init__(self, locale: Locale, timezone: str, told: bool) -> None:
        self.locale = locale
        self.timezone = timezone
        self.told = told
        self._suffix = "\u00a0UTC" if not told and timezone.upper() in _UTC else ""

    def local(self, at: Instant) -> datetime:
        return local(at, self.timezone)

    def time(self, at: datetime) -> str:
        """'14:05'; '2:05 PM' where a country is known to write so."""
        return self._clock(at) + self._suffix

    def date(self, at: datetime) -> str:
        """'22 нояб.'"""
        return str(format_skeleton("MMMd", at, locale=self.locale))

    def when(self, at: datetime, day: datetime | None = None) -> str:
        """'14:05' on the same day as `day`, else '22 нояб., 14:05'."""
        return self.time(at) if day is not None and at.date() == day.date() else f"{self.date(at)}, {self.time(at)}"

    def span(self, start: datetime | None, end: datetime | None, day: datetime | None = None) -> str:
        """'14:05–14:35', '22 нояб., 23:30 – 23 нояб., 0:30'; one of the two where the other is not known."""
        if start is None or end is None or start == end:
            known = start or end
            return "" if known is None else self.when(known, day)
        if start.date() != end.date():
            return f"{self.when(start, day)} – {self.when(end, day)}"
        lead = "" if day is not None and start.date() == day.date() else f"{self.date(start)}, "
        return f"{lead}{self._clock(start)}–{self._clock(end)}{self._suffix}"

    def money(self, amount: float, currency: str = "RUB") -> str:
        """'350 ₽', '350,50 ₽'; 'RUB 350'."""
        exact = Decimal(str(amount)).quantize(Decimal("0.01"))
        pattern = self.locale.currency_formats["standard"].pattern
        if exact == exact.to_integral_value():
            pattern = pattern.replace(".00", "")
        if get_currency_symbol(currency, self.locale).isalpha():
            # CLDR, 'currencySpacing': letters beside digits stand apart, which Babel leaves out.
            pattern = pattern.replace("¤#", "¤\u00a0#").replace("0¤", "0\u00a0¤")
        return format_currency(exact, currency, pattern, locale=self.locale, currency_digits=False)

    def plural(self, count: int, **forms: str) -> str:
        """The form for this number (CLDR's one, few, many, other), `other` or the last given where it has none."""
        if not forms:
            raise ValueError("plural needs its forms, as in plural(one='message', other='messages')")
        return forms.get(self.locale.plural_form(count)) or forms.get("other") or [*forms.values()][-1]

    def _clock(self, at: datetime) -> str:
        if self.locale.territory is None:
            return str(format_skeleton("Hm", at, locale=self.locale))
        return format_time(at, "short", locale=self.locale)


_UTC = frozenset({"UTC", "ETC/UTC", "ZULU", "ETC/ZULU", "UCT", "GMT", "ETC/GMT"})
