"""The campaign's configuration, and what follows from it, written down a second time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.world.world import CONFIG as SOURCES

EXPIRES = 600_000  # ms, of the driver's arrival

RULES = """
  mail: {type: email, host: smtp.example.org, sender: "Rides <rides@example.org>", retries: [2s, 4s, 8s, 8s, 8s, 8s, 8s, 8s, 8s, 8s], breaker: 0}
  text: {type: sms, gateway: twilio, account_sid: AC1, auth_token: t, from: "+15005550006", retries: [2s, 4s, 8s, 8s, 8s, 8s], breaker: 0}
rules:
  - name: arrived
    when: {type: [phase_changed, tracked], phase: arrived}
    send:
      - {sink: text, to: recipients, template: driver_arrived, expires: 10m, once: order, while: {phase: arrived}}
      - {sink: mail, to: recipients, template: driver_arrived, expires: 10m}
  - name: over
    when: {phase: completed}
    send: [{sink: mail, to: recipients, template: finished}]
  - name: statuses
    when: {type: status_changed}
    group: 20s
    send: [{sink: mail, to: recipients}]
  - name: everything
    when: {}
    send: [{sink: hook}, {sink: hook, to: recipients}]
caps: {recipient: 30/m}
quiet_hours: {from: '14:05', to: '14:09'}
"""  # noqa: E501

CONFIG = SOURCES.partition("rules:")[0].replace("retries: [2s", "breaker: 0\n    retries: [2s") + RULES.lstrip("\n")


class Wanted(NamedTuple):
    """One delivery that must exist; `sent` is false where it is decided against from the beginning."""

    sequence: int
    sink: str
    to: str | None
    template: str | None
    sent: bool


def wanted(events: Sequence[Mapping[str, Any]], recipients: Sequence[Mapping[str, Any]]) -> Iterator[Wanted]:
    """All deliveries of one order, by its published events in their order. `type` is the short name."""
    told: set[str | None] = set()
    for event in events:
        seen = not event["inferred"] and not event["late"]
        if event["type"] in ("phase_changed", "tracked") and event["phase"] == "arrived":
            for it in recipients:
                phone = it.get("phone")
                once = seen and phone is not None and phone not in told
                told |= {phone} if once else set()
                yield Wanted(event["sequence"], "text", phone, "driver_arrived", once)
                yield Wanted(event["sequence"], "mail", it.get("email"), "driver_arrived", seen and "email" in it)
        if event["type"] == "phase_changed" and event["phase"] == "completed":
            for it in recipients:
                yield Wanted(event["sequence"], "mail", it.get("email"), "finished", seen and "email" in it)
        if event["type"] == "status_changed":
            for it in recipients:
                yield Wanted(event["sequence"], "mail", it.get("email"), "status_changed", seen and "email" in it)
        yield Wanted(event["sequence"], "hook", None, None, True)
        for it in recipients:
            yield Wanted(event["sequence"], "hook", it.get("webhook"), None, "webhook" in it)
