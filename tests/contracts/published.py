"""Every event that the tests ever publish is held against the published schemas, in this process and outside."""

import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import jsonschema_rs
import orjson

from notifier import codec
from notifier.backends.audit import Audit
from notifier.model import CloudEvent
from notifier.schemas import event_schemas

P = ParamSpec("P")

_VALIDATORS = {
    name: jsonschema_rs.validator_for(schema, validate_formats=True) for name, schema in event_schemas().items()
}
_ATTRIBUTES = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype", "dataschema")
)


def check(event: CloudEvent) -> None:
    """AssertionError where the event is not as its schema says."""
    attributes, data = event.attributes, orjson.loads(event.data)
    assert attributes.keys() >= _ATTRIBUTES
    assert (attributes["id"], attributes["subject"]) == (data["id"], data["order"]["key"])
    assert attributes["sequence"] == f"{data['sequence']:020d}"
    found = list(_VALIDATORS[attributes["dataschema"].removeprefix("/schemas/")].iter_errors(data))
    assert not found, f"{attributes['type']}: {[error.message for error in found]}: {data}"


def checked(seal: Callable[P, CloudEvent]) -> Callable[P, CloudEvent]:
    """`seal`, with every event that leaves it checked."""

    @wraps(seal)
    def checking(*args: P.args, **kwargs: P.kwargs) -> CloudEvent:
        event = seal(*args, **kwargs)
        check(event)
        return event

    return checking


def check_file(path: Path) -> int:
    """Every event in a notifier's file, by itself and all together; how many there were."""
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        records = connection.execute("SELECT number, record FROM events ORDER BY number").fetchall()
        (horizon,) = connection.execute("SELECT value FROM meta WHERE name = 'horizon'").fetchone()
    connection.close()
    audit = Audit()
    if horizon:
        audit.cut(0)
    for number, record in records:
        event = codec.unpack_event(record)
        check(event)
        audit.event(0, number, event.key, event.attributes["type"], event.data)
    found = audit.finish()
    assert not found, found
    return len(records)
