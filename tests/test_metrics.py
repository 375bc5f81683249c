"""The public names of the metrics, as a scraper reads them."""

from collections.abc import Iterator

import structlog
from prometheus_client.parser import text_string_to_metric_families

from notifier.metrics import Metrics, replace
from notifier.service.tally import Tallies

PUBLIC = {
    "notifier_looks_total": {"source", "outcome"},
    "notifier_look_lag_seconds_bucket": {"le"},
    "notifier_detection_seconds_bucket": {"source", "le"},
    "notifier_told_seconds_bucket": {"sink", "le"},
    "notifier_orders": {"source", "phase"},
    "notifier_commit_seconds_bucket": {"le"},
    "notifier_deliveries_total": {"sink", "outcome", "reason"},
    "notifier_deliveries_pending": {"sink"},
    "notifier_oldest_pending_seconds": {"sink"},
    "notifier_endpoints_disabled": {"sink"},
    "notifier_breaker_open": {"kind", "name"},
    "notifier_budget_used_ratio": {"source"},
    "notifier_last_good_look_timestamp_seconds": {"source"},
    "notifier_shards_owned": set(),
    "notifier_watches_rejected_total": {"reason"},
    "notifier_build_info": {"version"},
}


def scraped(metrics: Metrics) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    text, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    series: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            series.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return series


def touched() -> Metrics:
    metrics = Metrics()
    metrics.looks.labels("trips", "accepted").inc()
    Tallies(metrics).lags.observe(20)
    metrics.detection.labels("trips").observe(1.5)
    metrics.told.labels("hook").observe(2)
    metrics.orders.labels("trips", "arrived").set(3)
    metrics.commit.observe(0.004)
    metrics.deliveries.labels("hook", "dead", "endpoint_disabled").inc()
    metrics.deliveries_pending.labels("hook").set(4)
    metrics.oldest_pending.labels("hook").set(5)
    metrics.endpoints_disabled.labels("hook").set(1)
    metrics.breaker_open.labels("sink", "hook").set(1)
    metrics.budget_used.labels("trips").set(0.25)
    metrics.last_good_look.labels("trips").set(1795258800)
    metrics.shards_owned.set(1)
    metrics.watches_rejected.labels("bad_json").inc()
    return metrics


def test_every_public_name_is_scraped_with_its_labels() -> None:
    series = scraped(touched())
    shown = {name: {label for label, _ in next(iter(series[name]))} for name in PUBLIC}
    assert shown == PUBLIC
    assert series["notifier_looks_total"] == {frozenset({("source", "trips"), ("outcome", "accepted")}): 1}


def test_two_programs_in_one_process_count_apart() -> None:
    one, other = touched(), Metrics()
    assert "notifier_looks_total" in scraped(one)
    assert "notifier_looks_total" not in scraped(other)


def test_scans_run_at_each_scrape() -> None:
    metrics = Metrics()
    ages: Iterator[dict[tuple[str, ...], float]] = iter([{("hook",): 1.0, ("mail",): 2.0}, {("hook",): 3.0}])
    metrics.at_scrape(lambda: replace(metrics.oldest_pending, next(ages)))
    assert len(scraped(metrics)["notifier_oldest_pending_seconds"]) == 2
    assert scraped(metrics)["notifier_oldest_pending_seconds"] == {frozenset({("sink", "hook")}): 3}


def test_a_failing_scan_hides_no_other_metric() -> None:
    metrics = touched()

    def fails() -> None:
        raise RuntimeError("no")

    metrics.at_scrape(fails)
    metrics.at_scrape(lambda: metrics.shards_owned.set(9))
    with structlog.testing.capture_logs() as lines:
        series = scraped(metrics)
    assert series["notifier_shards_owned"] == {frozenset(): 9}
    assert [line["event"] for line in lines] == ["metrics_refresh_failed"]
