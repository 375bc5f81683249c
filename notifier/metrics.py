"""The metrics by their public names (INTERFACE, 'HTTP'). No order key and no address is ever a label."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

_log = structlog.get_logger()

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is no news, and doubles what is scraped

_COMMIT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_TOLD = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600)


def release() -> str:
    """The installed version, or 'unknown' when run from a tree that was never installed."""
    try:
        return version("order-notifier")
    except PackageNotFoundError:
        return "unknown"


class Metrics:
    """One registry for one program, so that several can live in a test. Spans are in seconds."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._refreshers: list[Callable[[], None]] = []
        self.looks = Counter(
            "notifier_looks", "Looks at orders, by how they ended.", ("source", "outcome"), registry=registry
        )
        self.detection = Histogram(
            "notifier_detection_seconds",
            "From the known or earliest possible time of a change until its event was committed.",
            ("source",),
            buckets=_TOLD,
            registry=registry,
        )
        self.told = Histogram(
            "notifier_told_seconds",
            "From the known or earliest possible time of a change until the other side accepted its delivery.",
            ("sink",),
            buckets=_TOLD,
            registry=registry,
        )
        self.orders = Gauge(
            "notifier_orders", "Orders that are polled, by phase.", ("source", "phase"), registry=registry
        )
        self.commit = Histogram(
            "notifier_commit_seconds", "How long a commit took.", buckets=_COMMIT, registry=registry
        )
        self.deliveries = Counter(
            "notifier_deliveries",
            "Deliveries finished and attempts to be repeated, by outcome and reason.",
            ("sink", "outcome", "reason"),
            registry=registry,
        )
        self.watches_rejected = Counter(
            "notifier_watches_rejected",
            "Records of Kafka's input topics that were skipped, by reason.",
            ("reason",),
            registry=registry,
        )
        self.deliveries_pending = Gauge(
            "notifier_deliveries_pending", "Deliveries not finished yet.", ("sink",), registry=registry
        )
        self.oldest_pending = Gauge(
            "notifier_oldest_pending_seconds", "Age of the oldest unfinished delivery.", ("sink",), registry=registry
        )
        self.endpoints_disabled = Gauge(
            "notifier_endpoints_disabled", "Endpoints disabled by a 410.", ("sink",), registry=registry
        )
        self.breaker_open = Gauge(
            "notifier_breaker_open", "1 while a breaker holds its peer back.", ("kind", "name"), registry=registry
        )
        self.budget_used = Gauge(
            "notifier_budget_used_ratio", "Share of the request budget in use.", ("source",), registry=registry
        )
        self.last_good_look = Gauge(
            "notifier_last_good_look_timestamp_seconds",
            "When a look at this source last succeeded, Unix time.",
            ("source",),
            registry=registry,
        )
        self.shards_owned = Gauge(
            "notifier_shards_owned", "Shards that this replica owns (1 with sqlite).", registry=registry
        )
        self.clock_ahead = Gauge(
            "notifier_clock_ahead_seconds",
            "How far this replica's clock is ahead of Kafka's brokers, negative where it is behind.",
            registry=registry,
        )
        self.build_info = Gauge("notifier_build_info", "1, with the release as label.", ("version",), registry=registry)
        self.build_info.labels(release()).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def at_scrape(self, refresh: Callable[[], None]) -> None:
        """`refresh` sets the gauges that need a scan; it is called before each `render`, on the loop's thread."""
        self._refreshers.append(refresh)

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        for refresh in self._refreshers:
            try:
                refresh()
            except Exception:
                # One gauge that cannot be counted must not hide all the others from those who watch.
                _log.exception("metrics_refresh_failed")
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def replace(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """All series of `gauge` at once: label values, in the gauge's order, to value; others vanish."""
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
