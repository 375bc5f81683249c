"""A replica whose clock is more than 5 s off the brokers' says so, whether anybody writes or not."""

import pytest
from structlog.testing import capture_logs

from notifier.backends.kafka.inbox import Inbox
from notifier.backends.kafka.skew import Skew
from notifier.clock import SystemClock
from notifier.model import Instant
from tests.backends.kafka.replicas import Replica, until
from tests.contracts.records import a_put

T = 1_795_258_800_000


class Skewed(SystemClock):
    def __init__(self, by: int = 0) -> None:
        self.by = by

    def now(self) -> Instant:
        return super().now() + self.by


class Still(SystemClock):
    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("sent", "answered", "ahead"),
    [
        (T - 10, T + 10, 0.0),
        (T - 60_000, T + 60_000, 0.0),  # it took long: nothing is known
        (T + 30, T + 40, 0.03),
        (T - 40, T - 30, -0.03),
        (T + 5_001, T + 5_009, 5.001),
        (T - 90_000, T - 80_000, -80.0),
    ],
)
def test_what_an_append_time_tells(sent: int, answered: int, ahead: float) -> None:
    told: list[float] = []
    with capture_logs() as logs:
        Skew(Still(), told.append).heard(sent, T, answered)
    assert told == [ahead]
    assert [each["event"] for each in logs] == (["clock_off"] if abs(ahead) > 5 else [])


def test_it_is_told_once_until_it_is_right_again() -> None:
    skew = Skew(Still(), lambda _: None)
    with capture_logs() as logs:
        for off in (60_000, 60_000, -1, 60_000):
            skew.heard(T + off, T, T + off + 2)
    assert [each["event"] for each in logs] == ["clock_off", "clock_right_again"]


@pytest.mark.parametrize("by", [-30_000, 30_000, 0])
async def test_a_replica_says_so_though_nobody_writes(two: tuple[Replica, Replica], by: int) -> None:
    one, _ = two
    told: list[float] = []
    inbox = Inbox(one.clients, one.tail, one.view, Skewed(by), told.append)
    with capture_logs() as logs:
        await inbox.open()
        await until(lambda: bool(told))
        await inbox.close(1)
    assert told == [pytest.approx(by / 1000, abs=2)]
    assert [each["event"] for each in logs if "clock" in each["event"]] == (["clock_off"] if by else [])
    assert await one.inbox.known_facts() == (), "what it wrote is no fact"


async def test_who_writes_a_watch_hears_of_it_too(two: tuple[Replica, Replica]) -> None:
    one, _ = two
    told: list[float] = []
    inbox = Inbox(one.clients, one.tail, one.view, Skewed(-30_000), told.append)
    await inbox.submit(a_put())
    assert told == [pytest.approx(-30, abs=2)]
    await inbox.close(1)
