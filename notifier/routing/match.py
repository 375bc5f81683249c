"""Whether a rule is about an event (INTERFACE, 'Rules'). Pure."""

from notifier.model import Event, EventType, Watch
from notifier.routing.rules import Rule, When

_ANYTHING = When()


def matches(rule: Rule, event: Event, watch: Watch) -> bool:
    """Every matcher that the rule names must hold; the values of one matcher are alternatives.

    Without `type`, `phase`, `status` and `history` stand for the event that brings them about; with `type` they compare
    that event's own fields: phase and status after it, the name of the history entry.
    """
    when = rule.when
    return when == _ANYTHING or (_kind(when, event) and _order(when, watch) and _certainty(when, event))


def _kind(when: When, event: Event) -> bool:
    if when.type:
        return (
            event.type.value in when.type
            and _among(when.phase, event.phase.value)
            and _among(when.status, event.status)
            and _among(when.history, _history(event))
        )
    # `tracked` says what was there already, not that something happened: it must be asked for by name.
    return (
        event.type is not EventType.TRACKED
        and (not when.phase or (event.type is EventType.PHASE_CHANGED and event.phase.value in when.phase))
        and (not when.status or (event.type is EventType.STATUS_CHANGED and event.status in when.status))
        and (not when.history or _history(event) in when.history)
    )


def _order(when: When, watch: Watch) -> bool:
    return _among(when.source, watch.source) and all(
        watch.labels.get(name) in values for name, values in when.labels.items()
    )


def _certainty(when: When, event: Event) -> bool:
    return (not when.inferred or event.inferred in when.inferred) and (not when.late or event.late in when.late)


def _history(event: Event) -> str | None:
    if event.type is not EventType.HISTORY_ADDED or event.after is None:
        return None
    return str(event.after.get("event"))


def _among(values: frozenset[str], value: str | None) -> bool:
    return not values or value in values
