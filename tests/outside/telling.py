"""Events as short lines, so that a whole timeline reads at a glance and is compared word by word."""

from collections.abc import Iterable, Mapping
from typing import Any

DATA = {
    "id", "order", "sequence", "before", "after", "status", "phase", "phase_certain", "occurred", "observed_at",
    "inferred", "late",
}  # fmt: skip
ORDER = {"key", "source", "id", "life", "labels", "person_id", "number", "class", "cost_centers"}


def short(type_: str) -> str:
    assert type_.startswith("notifier.order."), type_
    assert type_.endswith(".v1"), type_
    return type_.removeprefix("notifier.order.").removesuffix(".v1")


def line(type_: str, data: Mapping[str, Any]) -> str:
    """`status_changed search>driving`, `history_added ARRIVAL`, with ` inferred` and ` late` behind."""
    before, after = data["before"], data["after"]
    if type_ == "tracked":
        assert before is None
        text = f"tracked {after['status']}/{after['phase']}"
    elif type_ in ("status_changed", "phase_changed"):
        name = type_.removesuffix("_changed")
        text = f"{name} {before[name] if before else None}>{after[name]}"
    elif type_ == "history_added":
        assert before is None
        text = f"history {after['event']}" + (f"={after['status']}" if after.get("status") else "")
    elif type_ == "contract_violated":
        assert before is None
        text = f"violated {after['kind']}={after['value']}"
    else:
        text = type_
    return text + (" inferred" if data["inferred"] else "") + (" late" if data["late"] else "")


def lines(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of structured CloudEvents."""
    return [line(short(event["type"]), event["data"]) for event in events]


def check_chain(events: Iterable[Mapping[str, Any]], key: str) -> None:
    """What holds of every order's events: numbered from 1 by one, chained, with bounds that make sense."""
    status: str | None = None
    phase: str | None = None
    ids: list[str] = []
    lives = set()
    for number, event in enumerate(events, start=1):
        data, kind = event["data"], short(event["type"])
        assert set(event) >= {"id", "source", "type", "subject", "time", "sequence", "datacontenttype", "dataschema"}
        assert set(data) >= DATA
        assert set(data["order"]) >= ORDER
        assert event["specversion"] == "1.0"
        assert event["subject"] == key == data["order"]["key"]
        assert event["source"] == "/sources/" + data["order"]["source"]
        assert data["sequence"] == number
        assert event["sequence"] == f"{number:020d}"
        assert event["id"] == data["id"]
        ids.append(event["id"])
        lives.add(data["order"]["life"])
        occurred = data["occurred"]
        if occurred["at"] is None:
            assert occurred["not_after"] == data["observed_at"]
            assert occurred["not_before"] is None or occurred["not_before"] <= occurred["not_after"]
            assert event["time"] == data["observed_at"]
        else:
            assert occurred["not_before"] is None
            assert occurred["not_after"] is None
            assert event["time"] == occurred["at"]
        if kind == "tracked":
            status, phase = data["after"]["status"], data["after"]["phase"]
        elif kind == "status_changed":
            assert data["before"]["status"] == status, (number, data)
            status = data["after"]["status"]
        elif kind == "phase_changed":
            assert data["before"]["phase"] == phase, (number, data)
            phase = data["after"]["phase"]
            assert data["phase"] == phase
        if not data["late"] and kind != "history_added":
            assert data["status"] == status, (number, data)
    assert len(ids) == len(set(ids))
    assert len(lives) <= 1
