"""What a lease asks of the view's tables. Plain calls on a connection."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from notifier.backends.partition import shard_of
from notifier.model import Instant

MOST_ORDERS = 1_000  # found in one go; whoever forgets asks again

_ENDED = """
SELECT key FROM orders o WHERE ended_at < ?
AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.key = o.key AND d.state IN ('pending', 'sending'))
ORDER BY ended_at
"""


def ended(connection: sqlite3.Connection, shard: int, shards: int, before: Instant) -> Mapping[str, Sequence[str]]:
    """Orders of a shard that ended before and have nothing to be sent any more, with the ids of their deliveries."""
    found: dict[str, Sequence[str]] = {}
    for (key,) in connection.execute(_ENDED, (before,)):
        if shard_of(key, shards) == shard:
            rows = connection.execute("SELECT id FROM deliveries WHERE key = ?", (key,))
            found[key] = tuple(id for (id,) in rows)
            if len(found) == MOST_ORDERS:
                break
    return found


def watches_of(connection: sqlite3.Connection, keys: Collection[str]) -> Mapping[str, bytes]:
    """Packed, also of removed orders."""
    found = {}
    for key in keys:
        row = connection.execute("SELECT watch FROM orders WHERE key = ?", (key,)).fetchone()
        if row is not None:
            found[key] = row[0]
    return found
