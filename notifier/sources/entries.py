"""The entries of a snapshot: sorted by time and numbered among equals, so that each has its identity."""

from collections.abc import Iterable

from msgspec.structs import replace

from notifier.model import Entry, Instant


def numbered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The API may list them in any order. At equal times `status` comes before `history`; of equal ones the first in
    the API's list is number 0."""
    seen: dict[tuple[str, str, Instant], int] = {}
    told: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.kind == "history")):
        same = (entry.kind, entry.value, entry.at)
        nth = seen.get(same, 0)
        seen[same] = nth + 1
        told.append(replace(entry, nth=nth) if nth else entry)
    return tuple(told)
