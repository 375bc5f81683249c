from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import Reason
from notifier.model import Delivery
from notifier.routing.attempt import MOST_ATTEMPTS, after, drop, hold, is_untold, retry
from notifier.routing.gate import Drop, Hold
from notifier.sinks.base import DEFAULT_RETRIES, Outcome
from tests.routing.make import T, delivery

AGAIN = Outcome("again", "503", Reason.SERVER_ERROR, "busy")
DAY = 24 * 3_600_000


def tried(made: Delivery, outcome: Outcome, now: int = T + 30, spread: float = 0.0) -> Delivery:
    return after(made, outcome, DEFAULT_RETRIES, now, T, spread)


def test_delivered_is_the_end_and_the_facts_go() -> None:
    done = tried(delivery(), Outcome("delivered", "204"))

    assert (done.state, done.reason, done.due, done.facts, done.finished_at) == ("delivered", None, None, None, T + 30)
    (attempt,) = done.attempts
    assert (attempt.at, attempt.outcome, attempt.status, attempt.ms) == (T, "delivered", "204", 30)


def test_a_failure_waits_as_the_schedule_says() -> None:
    once = tried(delivery(), AGAIN)
    twice = tried(once, AGAIN)

    assert (once.state, once.due, once.held, once.tries, once.facts) == ("pending", T + 30 + 5_000, "retrying", 1, b"f")
    assert twice.due == T + 30 + 300_000
    assert [each.reason for each in twice.attempts] == ["server_error", "server_error"]
    assert twice.attempts[0].detail == "busy"


def test_retry_after_wins_when_it_is_longer_up_to_a_day() -> None:
    assert tried(delivery(), AGAIN._replace(after=2)).due == T + 30 + 5_000
    longer = tried(delivery(), AGAIN._replace(after=60.5))
    assert (longer.due, longer.held) == (T + 30 + 60_500, "retry_after")
    assert tried(delivery(), AGAIN._replace(after=10 * 86_400)).due == T + 30 + DAY


def test_the_end_of_the_schedule_is_the_end() -> None:
    made = delivery()
    for _ in DEFAULT_RETRIES:
        made = tried(made, AGAIN)
        assert made.state == "pending"
    made = tried(made, AGAIN)

    assert (made.state, made.reason, made.facts) == ("dead", "retries_exhausted", b"f")
    assert len(made.attempts) == len(DEFAULT_RETRIES) + 1
    assert after(delivery(), AGAIN, (), T, T, 0).reason == "retries_exhausted"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("dead", "550"), "refused"),
        (Outcome("dead", "550", Reason.REFUSED, "5.1.1 No such mailbox"), "5.1.1 No such mailbox"),
        (Outcome("dead", "535", Reason.UNAUTHORIZED, "5.7.8 Wrong password"), "5.7.8 Wrong password"),
        (Outcome("dead", None, Reason.OUTCOME_UNKNOWN, "no answer in time"), "outcome_unknown"),
        (Outcome("dead", None, Reason.FORBIDDEN_TARGET), "forbidden_target"),
        (Outcome("gone", "410", Reason.REFUSED), "endpoint_disabled"),
    ],
)
def test_the_sinks_last_word(outcome: Outcome, reason: str) -> None:
    made = tried(delivery(), outcome)

    assert (made.state, made.reason, made.finished_at) == ("dead", reason, T + 30)


def test_a_forbidden_target_is_no_attempt() -> None:
    made = tried(delivery(), Outcome("dead", None, Reason.FORBIDDEN_TARGET, "loopback"))

    assert (made.state, made.attempts, made.tries) == ("dead", (), 0)


def test_what_expires_before_its_next_attempt_ends_then() -> None:
    assert tried(delivery(expires=T + 1_000), AGAIN).due == T + 1_000
    assert tried(delivery(expires=T + 10), AGAIN).due == T + 30


def test_of_many_attempts_the_first_and_the_last_are_kept() -> None:
    made = delivery()
    for n in range(50):
        made = after(made, AGAIN, [1] * 100, T + n, T + n, 0)

    assert len(made.attempts) == MOST_ATTEMPTS
    assert [each.at - T for each in made.attempts] == [0, *range(30, 50)]
    assert made.tries == 50


def test_the_gates_verdicts_become_states() -> None:
    dropped = drop(delivery(), Drop("expired", Reason.OVERTAKEN), T + 9)
    held = hold(delivery(), Hold(T + 70, "breaker_open"))

    assert (dropped.state, dropped.reason, dropped.facts, dropped.finished_at) == ("expired", "overtaken", b"f", T + 9)
    assert (held.state, held.due, held.held, held.facts) == ("pending", T + 70, "breaker_open", b"f")


def test_told_once_means_that_somebody_may_have_got_it() -> None:
    overtaken = Drop("expired", Reason.OVERTAKEN)
    silent = tried(delivery(once="t"), Outcome("again", None, Reason.TIMEOUT))

    assert is_untold(drop(delivery(once="t"), overtaken, T))
    assert is_untold(drop(tried(delivery(once="t"), AGAIN), overtaken, T)), "the other side has refused it"
    assert not is_untold(drop(silent, overtaken, T)), "it may have been taken"
    assert not is_untold(drop(delivery(), overtaken, T))
    assert not is_untold(tried(delivery(once="t"), Outcome("delivered", "250")))


@pytest.mark.parametrize("state", ["dead", "expired"])
def test_an_operators_retry_begins_the_schedule_anew(state: Any) -> None:
    made = tried(tried(delivery(expires=T + 60_000), AGAIN), Outcome("dead", "400"))
    again = retry(made if state == "dead" else drop(made, Drop("expired", Reason.EXPIRED), T), T + 90_000)

    assert (again.id, len(again.attempts)) == (made.id, 2)
    assert (again.state, again.due, again.tries, again.expires, again.retried) == ("pending", T + 90_000, 0, None, True)
    assert (again.reason, again.held, again.finished_at) == (None, None, None)
    assert tried(again, AGAIN, now=T + 90_000).due == T + 95_000


@pytest.mark.parametrize("state", ["pending", "sending", "delivered", "skipped"])
def test_a_retry_of_anything_else_changes_nothing(state: Any) -> None:
    made = delivery(state=state)

    assert retry(made, T + 5) is made


outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(["delivered", "again", "dead", "gone"]),
    status=st.sampled_from([None, "503"]),
    reason=st.sampled_from([None, *Reason]),
    after=st.one_of(st.none(), st.floats(0, 1e9)),
)


@given(
    st.lists(outcomes, max_size=15),
    st.lists(st.integers(0, DAY), max_size=5),
    st.floats(0, 1),
    st.one_of(st.none(), st.integers(T, T + 10 * DAY)),
)
def test_every_history_ends_or_moves_on(
    all: list[Outcome], retries: list[int], spread: float, expires: int | None
) -> None:
    made, now = delivery(expires=expires), T
    for outcome in all:
        if not made.open:
            assert (made.due, made.held) == (None, None)
            assert made.facts == (None if made.state == "delivered" else b"f")  # a retry must be able to say the same
            assert made.finished_at is not None
            break
        before, now = made, max(now, made.due or now)
        made = after(made, outcome, retries, now, now, spread)
        assert made.id == before.id
        assert made.tries - before.tries == len(made.attempts) - len(before.attempts)
        assert made.tries <= len(retries) + 1
        assert len(made.attempts) <= MOST_ATTEMPTS
        if made.open:
            assert made.due is not None
            wait = retries[before.tries]
            assert now <= made.due <= now + max(wait * 1.2 + 1, min(outcome.after or 0, 86_400) * 1000 + 1)
            if expires is None:
                assert made.due >= now + wait
