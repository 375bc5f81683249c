"""`notifier verify` on a file: one consistent look at it, also while the service is at work."""

import sqlite3
from pathlib import Path

from notifier import codec
from notifier.backends.audit import Audit
from notifier.errors import Refused


def audit(path: Path) -> Audit:
    """Refused where there is no such file, or it cannot be read."""
    if not path.is_file():
        raise Refused(f"{path} does not exist: is backend.path right, and did the service ever run?")
    found = Audit(path.name)
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("BEGIN")
            (horizon,) = connection.execute("SELECT value FROM meta WHERE name = 'horizon'").fetchone()
            if horizon:
                found.cut(0)  # events past their retention are gone
            for number, record in connection.execute("SELECT number, record FROM events ORDER BY number"):
                event = codec.unpack_event(record)
                found.event(0, number, event.key, event.attributes["type"], event.data)
            found.mark()
            for number, packed in connection.execute("SELECT number, state FROM orders WHERE state IS NOT NULL"):
                state = codec.unpack_state(packed)
                found.state(0, state.key, state.life, state.sequence, f"orders@{number}")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Refused(f"{path} cannot be read as a notifier's file: {error}") from error
    found.finish()
    return found
