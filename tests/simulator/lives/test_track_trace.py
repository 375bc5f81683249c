"""Status, status_log and history of a delivery, beside each other."""

from notifier.simulator.lives import life
from notifier.simulator.lives.model import Life


def _entries(delivery: Life, now: int) -> list[tuple[str, int]]:
    return [(entry.event, entry.at) for entry in delivery.moment(now).history]


def test_a_status_writes_its_log_entry_and_its_update_at_the_same_time() -> None:
    delivery = life(1, "track_trace", "sim-new-5s-confirmed-5s-ARRIVAL-10s-finished", born=0)
    assert [(entry.status, entry.at) for entry in delivery.moment(20_000).status_log] == [
        ("new", 0),
        ("confirmed", 5_000),
        ("finished", 20_000),
    ]
    assert _entries(delivery, 20_000) == [
        ("ORDER_CREATED", 0),
        ("STATUS_UPDATE", 5_000),
        ("ARRIVAL", 10_000),
        ("STATUS_UPDATE", 20_000),
    ]
    assert delivery.moment(20_000).delivered_at == 20_000


def test_positions_and_initiators_where_the_document_has_them() -> None:
    delivery = life(1, "track_trace", "sim-new-START-ARRIVAL-ORDER_VISIT-finished-DEPARTURE", born=0)
    for entry in delivery.moment(0).history:
        assert (entry.position is not None) == (entry.event in ("ARRIVAL", "ORDER_VISIT", "DEPARTURE"))
        assert (entry.initiator is not None) == (entry.event == "STATUS_UPDATE")


def test_a_late_entry_is_told_now_with_its_own_time() -> None:
    delivery = life(1, "track_trace", "sim-new-60s-late-30s-ARRIVAL", born=0)
    assert _entries(delivery, 59_999) == [("ORDER_CREATED", 0)]
    assert _entries(delivery, 60_000) == [("ORDER_CREATED", 0), ("ARRIVAL", 30_000)]


def test_a_lagging_log_follows_its_status() -> None:
    delivery = life(1, "track_trace", "sim-lag-3s-new-10s-confirmed", born=0)
    assert delivery.moment(12_999).status == "confirmed"
    assert [entry.status for entry in delivery.moment(12_999).status_log] == ["new"]
    assert [(entry.status, entry.at) for entry in delivery.moment(13_000).status_log][-1] == ("confirmed", 10_000)
    assert _entries(delivery, 13_000)[-1] == ("STATUS_UPDATE", 10_000)


def test_the_log_may_stay_empty() -> None:
    delivery = life(1, "track_trace", "sim-nolog-new-10s-finished", born=0)
    assert delivery.moment(10_000).status_log == ()
    assert _entries(delivery, 10_000) == [("ORDER_CREATED", 0), ("STATUS_UPDATE", 10_000)]


def test_a_history_word_first_means_new() -> None:
    delivery = life(1, "track_trace", "sim-ARRIVAL-1s-finished", born=0)
    assert delivery.statuses() == ((0, "new"), (1_000, "finished"))
    assert _entries(delivery, 0) == [("ARRIVAL", 0)]


def test_an_interval_update_moves_the_window() -> None:
    ids = (f"sim-new-10s-INTERVAL_UPDATE.{n}" for n in range(30))
    delivery = next(d for d in (life(1, "track_trace", i, born=0) for i in ids) if "schedule" in d.told)
    before, after = delivery.moment(0).schedule, delivery.moment(10_000).schedule
    assert before
    assert after
    assert before.start is not None
    assert after.start == before.start + 3_600_000


def test_drawn_deliveries_lag_lose_their_log_and_tell_late() -> None:
    drawn = [life(1, "track_trace", str(n), born=0) for n in range(300)]
    assert any(d.habit("lag") for d in drawn)
    assert any(d.habit("nolog") is not None for d in drawn)
    late = [c for d in drawn for c in d.changes if c.kind == "history" and c.value.event == "ARRIVAL"]
    assert any(c.value.at < c.time_ms for c in late)
    assert any("schedule" not in d.told for d in drawn)
