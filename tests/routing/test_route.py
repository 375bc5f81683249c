from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.model import Event, EventType, Performer, Recipient, Snapshot, State, Vehicle, Watch
from notifier.routing.facts import unpack
from notifier.routing.route import Routed, route
from notifier.routing.rules import Rule, Send, When
from tests.routing.make import ANN, BEN, CHANNELS, IVAN, T, event, rule, sealed, state, watch

NOW = T + 40


def routed(
    *rules: Rule, events: tuple[Event, ...] = (event(),), about: Watch | None = None, remembered: State | None = None
) -> Routed:
    about = about or watch(ANN, BEN)
    return route(sealed(*events, about=about), rules, about, remembered or state(), CHANNELS, NOW)


def test_a_webhook_of_its_own_gets_the_event_without_facts() -> None:
    made = routed(rule(Send(sink="hook")))

    (one,) = made.deliveries
    assert (one.sink, one.to, one.endpoint, one.template) == ("hook", None, "hook:own", None)
    assert (one.state, one.due, one.created_at, one.held, one.facts) == ("pending", T, NOW, None, None)
    assert one.event == sealed(event())[0][1]
    assert made.told == frozenset()


def test_recipients_are_told_at_their_address_of_the_sinks_kind() -> None:
    made = routed(rule(Send(sink="mail", to="recipients"), Send(sink="text", to="recipients")))

    assert [(each.sink, each.to, each.state, each.reason) for each in made.deliveries] == [
        ("mail", "ann@example.org", "pending", None),
        ("mail", "ben@example.org", "pending", None),
        ("text", "+79120000001", "pending", None),
        ("text", None, "skipped", "no_address"),
    ]
    skipped = made.deliveries[-1]
    assert (skipped.due, skipped.finished_at, skipped.facts) == (None, NOW, None)


def test_people_get_the_facts_as_of_the_event_and_the_types_template() -> None:
    about = watch(BEN, team="sales")
    (one,) = routed(rule(Send(sink="mail", to="recipients")), about=about).deliveries

    assert one.template == "phase_changed"
    assert one.facts is not None
    facts = unpack(one.facts)
    assert facts.snapshot == Snapshot(status="waiting", performer=IVAN)
    assert (facts.locale, facts.timezone, facts.labels, facts.source) == (
        "en",
        "Europe/Moscow",
        {"team": "sales"},
        "trips",
    )
    assert (facts.old_phase, facts.phase, facts.status, facts.observed_at) == ("assigned", "arrived", "waiting", T)
    with pytest.raises(msgspec.DecodeError):
        unpack(b"\xff")


def test_every_matching_rule_sends_but_the_same_telling_goes_out_once() -> None:
    first = rule(Send(sink="mail", to="recipients"), name="first")
    second = rule(Send(sink="mail", to=("ann@example.org", "new@example.org")), Send(sink="hook"), name="second")
    made = routed(first, second)

    assert [(each.rule, each.to) for each in made.deliveries] == [
        ("first", "ann@example.org"),
        ("first", "ben@example.org"),
        ("second", "new@example.org"),
        ("second", None),
    ]


def test_another_template_is_another_telling() -> None:
    made = routed(
        rule(Send(sink="mail", to=("a@example.org",)), Send(sink="mail", to=("a@example.org",), template="x"))
    )

    assert [each.template for each in made.deliveries] == ["phase_changed", "x"]


def test_a_rule_that_does_not_match_makes_nothing() -> None:
    assert routed(rule(Send(sink="hook"), when=When(source=frozenset({"food"})))) == Routed((), frozenset())


@pytest.mark.parametrize("mark", ["inferred", "late"])
def test_people_hear_of_inferred_and_late_events_only_when_a_rule_asks(mark: str) -> None:
    fields: dict[str, Any] = {mark: True}
    marked = (event(**fields),)
    sends = (Send(sink="mail", to=("a@example.org",)), Send(sink="hook"))
    matchers: dict[str, Any] = {mark: frozenset({True})}
    asks = When(**matchers)

    unasked = routed(rule(*sends), events=marked).deliveries
    asked = routed(rule(*sends, when=asks), events=marked).deliveries

    assert [(each.sink, each.state, each.reason) for each in unasked] == [
        ("mail", "skipped", mark),
        ("hook", "pending", None),
    ]
    assert [each.state for each in asked] == ["pending", "pending"]


def test_a_rule_that_decided_against_does_not_stop_a_later_one() -> None:
    plain = rule(Send(sink="mail", to=("a@example.org",)), name="plain")
    asking = rule(Send(sink="mail", to=("a@example.org",)), name="asking", when=When(inferred=frozenset({True})))
    guess = (event(inferred=True),)

    for rules in ((plain, asking), (asking, plain)):
        (one,) = routed(*rules, events=guess).deliveries
        assert (one.rule, one.state) == ("asking", "pending")


def test_once_for_an_order_is_remembered_over_looks() -> None:
    once = rule(Send(sink="hook", once="order"), Send(sink="mail", to=("a@example.org",), once="order"))
    first = routed(once)
    again = routed(once, events=(event(sequence=5),), remembered=state(told=first.told))

    assert [each.state for each in first.deliveries] == ["pending", "pending"]
    assert [(each.state, each.reason) for each in again.deliveries] == [("skipped", "already_told")] * 2
    assert again.told == first.told
    assert len(first.told) == 2
    assert not any("example" in token for token in first.told)


def test_once_holds_within_one_look_too() -> None:
    made = routed(rule(Send(sink="hook", once="order")), events=(event(sequence=1), event(sequence=2)))

    assert [each.state for each in made.deliveries] == ["pending", "skipped"]


def arrival_of(performer: Performer | None, sequence: int) -> Event:
    return event(sequence=sequence, snapshot=Snapshot(status="waiting", performer=performer))


def test_once_for_a_performer_means_the_person_not_the_phone() -> None:
    redialled = msgspec.structs.replace(IVAN, phone="+79120995513,,11111")
    other = Performer(name="Ivan", vehicle=Vehicle(model="Kia Rio", plate="B777BB"))
    made = routed(
        rule(Send(sink="hook", once="performer")),
        events=(arrival_of(IVAN, 1), arrival_of(redialled, 2), arrival_of(other, 3), arrival_of(None, 4)),
    )

    assert [each.state for each in made.deliveries] == ["pending", "skipped", "pending", "pending"]


def test_what_was_skipped_is_not_remembered_as_told() -> None:
    once = rule(Send(sink="mail", to=("a@example.org",), once="order"))
    guess = routed(once, events=(event(inferred=True),))
    seen = routed(once, events=(event(sequence=2),), remembered=state(told=guess.told))

    assert guess.deliveries[0].reason == "inferred"
    assert seen.deliveries[0].state == "pending"


def test_expires_counts_from_when_it_happened() -> None:
    known = event(EventType.STATUS_CHANGED, at=T - 60_000, before=None, after={"status": "waiting"})
    (one,) = routed(rule(Send(sink="hook", expires=600_000)), events=(known,)).deliveries

    assert one.expires == T - 60_000 + 600_000


def test_delay_defers_the_delivery_but_not_beyond_its_end() -> None:
    (late,) = routed(rule(Send(sink="hook"), delay=120_000)).deliveries
    (cut,) = routed(rule(Send(sink="hook", expires=30_000), delay=120_000)).deliveries

    assert (late.due, late.held) == (T + 120_000, "delayed")
    assert cut.due == T + 30_000


def test_a_sink_without_addresses_skips_recipients() -> None:
    made = routed(rule(Send(sink="out", to="recipients"), Send(sink="mail")))

    assert [(each.state, each.reason) for each in made.deliveries] == [("skipped", "no_address")] * 2


addresses = st.sampled_from(["a@example.org", "b@example.org", "c@example.org"])
sends = st.builds(
    Send,
    sink=st.sampled_from(sorted(CHANNELS)),
    to=st.one_of(st.none(), st.just("recipients"), st.lists(addresses, max_size=3).map(tuple)),
    template=st.sampled_from([None, "x"]),
    once=st.sampled_from([None, "order", "performer"]),
)
rules_drawn = st.lists(
    st.builds(lambda s, n: rule(*s, name=n), st.lists(sends, max_size=3), st.text(max_size=3)), max_size=3
)
people = st.lists(
    st.builds(Recipient, email=st.one_of(st.none(), addresses), webhook=st.sampled_from([None, "https://w.example"])),
    max_size=3,
)


@given(rules_drawn, people, st.integers(1, 3))
def test_ids_are_unique_stable_and_nothing_is_told_twice(rules: list[Rule], to: list[Recipient], events: int) -> None:
    about = watch(*to)
    seen = tuple(event(sequence=n) for n in range(1, events + 1))
    made = routed(*rules, events=seen, about=about)

    ids = [each.id for each in made.deliveries]
    assert len(set(ids)) == len(ids) == len({(d.event.id, d.sink, d.to, d.template) for d in made.deliveries})
    assert all(UUID(each).version == 5 for each in ids)
    assert routed(*rules, events=seen, about=about) == made
    assert all((d.state == "pending") == (d.due is not None) == (d.reason is None) for d in made.deliveries)
    again = routed(*rules, events=seen, about=about, remembered=state(told=made.told))
    assert again.told == made.told
