import pytest

from notifier.net.breaker import Breaker


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(3, 30.0)
    for _ in range(3):
        assert breaker.allow(at)
        breaker.failure(at)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(3, 30.0)
    breaker.failure(0.0)
    breaker.failure(1.0)
    breaker.success(2.0)  # the row is broken
    breaker.failure(3.0)
    breaker.failure(4.0)
    assert breaker.allow(4.0)
    breaker.failure(5.0)
    assert not breaker.closed
    assert not breaker.allow(5.0)
    assert breaker.held(6.0) == 29.0
    assert not breaker.allow(34.9)


def test_after_the_hold_one_probe_and_nobody_else() -> None:
    breaker = opened()
    assert breaker.held(30.0) == 0.0
    assert breaker.held(30.0) == 0.0, "asking takes nothing"
    assert breaker.allow(30.0)
    assert not breaker.allow(30.0)
    assert breaker.held(31.0) == 29.0
    assert not breaker.closed


def test_the_probes_success_closes_it() -> None:
    breaker = opened()
    assert breaker.allow(30.0)
    breaker.success(31.0)
    assert breaker.closed
    assert all(breaker.allow(31.0) for _ in range(5))
    breaker.failure(31.0)
    breaker.failure(31.0)
    assert breaker.closed, "the row begins anew"


def test_the_probes_failure_opens_it_for_as_long_again() -> None:
    breaker = opened()
    assert breaker.allow(30.0)
    breaker.failure(35.0)
    assert not breaker.allow(64.9)
    assert breaker.allow(65.0)


def test_failures_of_attempts_that_began_before_do_not_prolong_it() -> None:
    breaker = opened()
    breaker.failure(29.0)
    breaker.failure(29.9)
    assert breaker.allow(30.0)


def test_a_probe_that_never_reports_does_not_keep_it_open_for_ever() -> None:
    breaker = opened()
    assert breaker.allow(30.0)
    assert not breaker.allow(59.9)
    assert breaker.allow(60.0)


def test_an_abandoned_probe_passes_to_the_next() -> None:
    breaker = opened()
    assert breaker.allow(30.0)
    breaker.abandon()
    assert breaker.allow(30.1)
    assert not breaker.allow(30.1)


@pytest.mark.parametrize("count", [1, 1000])
def test_zero_never_opens(count: int) -> None:
    breaker = Breaker(0, 30.0)
    for _ in range(count):
        breaker.failure(0.0)
    assert breaker.closed
    assert breaker.allow(0.0)
