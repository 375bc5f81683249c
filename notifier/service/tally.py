"""Counts of looks that went well, nearly all of them: plain numbers on the way, made metrics when somebody asks."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from notifier.metrics import LAG_BUCKETS, Metrics
from notifier.model import Instant

_BOUNDS = tuple(round(bound * 1000) for bound in LAG_BUCKETS)


class Tally:
    """Of one source."""

    __slots__ = ("accepted", "last_good", "unchanged")

    def __init__(self) -> None:
        self.accepted = 0
        self.unchanged = 0
        self.last_good: Instant = 0


class Lags(Collector):
    """`notifier_look_lag_seconds`: how much later than due looks began."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum = 0

    def observe(self, lag: int) -> None:
        """In ms; an early one counts as punctual."""
        self._counts[bisect_left(_BOUNDS, lag)] += 1
        if lag > 0:
            self._sum += lag

    def collect(self) -> Iterator[HistogramMetricFamily]:
        cumulated, total = [], 0
        for bound, count in zip((*map(str, LAG_BUCKETS), "+Inf"), self._counts, strict=True):
            total += count
            cumulated.append((bound, float(total)))
        family = HistogramMetricFamily("notifier_look_lag_seconds", "How much later than due a look began.")
        family.add_metric([], cumulated, self._sum / 1000)
        yield family


class Tallies:
    """Of all sources; flushed into the metrics at each scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tallies: dict[str, Tally] = {}
        self.lags = Lags()
        metrics.registry.register(self.lags)
        metrics.at_scrape(self.flush)

    def of(self, source: str) -> Tally:
        tally = self._tallies.get(source)
        if tally is None:
            tally = self._tallies[source] = Tally()
        return tally

    def flush(self) -> None:
        for source, tally in self._tallies.items():
            self._metrics.looks.labels(source, "accepted").inc(tally.accepted)
            self._metrics.looks.labels(source, "unchanged").inc(tally.unchanged)
            tally.accepted = tally.unchanged = 0
            if tally.last_good:
                self._metrics.last_good_look.labels(source).set(tally.last_good / 1000)
