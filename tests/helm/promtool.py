"""The alerts, fired and kept silent by Prometheus's own hand: `python -m tests.helm.promtool [PATH OF promtool]`.

promtool is a program of Prometheus, and no package of ours; what can be said without it, test_alerts.py says.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from tests.helm import chart
from tests.helm.chart import Object

PODS = ("a", "b", "c")
BOUNDS = ("0.1", "1", "5", "30", "300", "900", "+Inf")
SECONDS = "notifier_look_lag_seconds", "notifier_commit_seconds", "notifier_detection_seconds", "notifier_told_seconds"

Series = dict[str, str]


def series(metric: str, values: str, /, **labels: str) -> Series:
    """One a minute; `values` as promtool writes them: `0+60x120` begins at 0 and grows by 60, 120 times."""
    given = {"namespace": "orders", "job": "rides-order-notifier", **labels}
    matchers = ",".join(f'{name}="{value}"' for name, value in given.items())
    return {"series": f"{metric}{{{matchers}}}", "values": values}


def spans(metric: str, within: str, **labels: str) -> Iterator[Series]:
    """Of a histogram: ten a minute, all of them in the bucket that ends at `within`."""
    first = BOUNDS.index(within)
    for pod in PODS:
        for place, bound in enumerate(BOUNDS):
            grown = "0+10x120" if place >= first else "0x120"
            yield series(f"{metric}_bucket", grown, pod=pod, le=bound, **labels)


def healthy() -> Iterator[Series]:
    """Three replicas with one source and one sink. What was given up long ago is no news."""
    for pod in PODS:
        yield series("notifier_build_info", "1x120", pod=pod, version="0.1.0")
        yield series("notifier_shards_owned", "4x120", pod=pod)
        yield series("process_start_time_seconds", "0x120", pod=pod)
        yield series("notifier_orders", "5x120", pod=pod, source="trips", phase="assigned")
        yield series("notifier_last_good_look_timestamp_seconds", "0+60x120", pod=pod, source="trips")
        yield series("notifier_looks_total", "0+100x120", pod=pod, source="trips", outcome="unchanged")
        yield series("notifier_looks_total", "0+1x120", pod=pod, source="trips", outcome="timeout")
        yield series("notifier_breaker_open", "0x120", pod=pod, kind="source", name="trips")
        yield series("notifier_breaker_open", "0x120", pod=pod, kind="sink", name="hook")
        yield series("notifier_budget_used_ratio", "0.5x120", pod=pod, source="trips")
        yield series("notifier_oldest_pending_seconds", "5x120", pod=pod, sink="hook")
        yield series("notifier_endpoints_disabled", "0x120", pod=pod, sink="hook")
        yield series("notifier_deliveries_total", "3x120", pod=pod, sink="hook", outcome="dead", reason="refused")
        yield series("notifier_deliveries_total", "0+7x120", pod=pod, sink="hook", outcome="delivered", reason="")
        yield series("notifier_watches_rejected_total", "2x120", pod=pod, reason="bad_json")
    for metric, labels in zip(SECONDS, ({}, {}, {"source": "trips"}, {"sink": "hook"}), strict=True):
        yield from spans(metric, "0.1", **labels)


class Case(NamedTuple):
    """`without` names what of the healthy series is left out. `summary` None: the alert is silent at that minute."""

    alert: str
    minute: int
    summary: str | None
    labels: Mapping[str, str] = MappingProxyType({})
    without: tuple[str, ...] = ()
    added: Iterable[Series] = ()


def one(metric: str, values: str, /, **labels: str) -> list[Series]:
    return [series(metric, values, pod="a", **labels)]


DEAD = {"sink": "hook", "outcome": "dead"}
GOOD, ORDERS = "notifier_last_good_look", "notifier_orders"
TRIPS = {"source": "trips"}

CASES = (
    Case("Absent", 10, "No replica of the order notifier answers Prometheus.", without=("",)),
    Case(
        "ShardsUnowned",
        10,
        "Only 8 of 12 shards are owned; the orders of the others are neither polled nor told.",
        without=("notifier_shards_owned",),
        added=one("notifier_shards_owned", "8x120"),
    ),
    Case(
        "NoGoodLook",
        60,
        "The source trips has given no good answer for 40m 0s.",
        TRIPS,
        (GOOD,),
        one(f"{GOOD}_timestamp_seconds", "0+60x20 1200x100", source="trips"),
    ),
    Case("NoGoodLook", 30, "The source trips has given no good answer for 30m 0s.", TRIPS, (GOOD,)),
    Case("NoGoodLook", 9, None, without=(GOOD,)),
    Case("NoGoodLook", 60, None, without=(GOOD, ORDERS)),
    Case(
        "NoGoodLook",
        30,
        "The source new has given no good answer for 30m 0s.",
        {"source": "new"},
        added=one(ORDERS, "1x120", source="new", phase="unknown"),
    ),
    Case(
        "LooksFailing",
        30,
        "Of the source trips's looks 25% fail.",
        TRIPS,
        added=one("notifier_looks_total", "0+97x120", source="trips", outcome="throttled"),
    ),
    Case(
        "CredentialRejected",
        10,
        "The source other rejects its token.",
        {"name": "other"},
        added=one("notifier_breaker_open", "1x120", kind="source", name="other"),
    ),
    Case(
        "LooksLate",
        30,
        "Looks begin 4m 46s later than due (95th percentile).",
        without=(SECONDS[0],),
        added=spans(SECONDS[0], "300"),
    ),
    Case(
        "BudgetExhausted",
        60,
        "The request budget of the source trips is used to 97%.",
        TRIPS,
        added=[series("notifier_budget_used_ratio", "0.97x120", pod="d", source="trips")],
    ),
    Case(
        "DetectionSlow",
        60,
        "Changes of the source trips are found 4m 46s late (95th percentile).",
        TRIPS,
        (SECONDS[2],),
        spans(SECONDS[2], "300", source="trips"),
    ),
    Case(
        "CommitsSlow",
        30,
        "Commits take 4.96s (99th percentile).",
        without=(SECONDS[1],),
        added=spans(SECONDS[1], "5"),
    ),
    Case(
        "DeliveriesDead",
        55,
        "Deliveries over the sink hook were given up (too_large).",
        {"sink": "hook", "reason": "too_large"},
        added=one("notifier_deliveries_total", "_x50 1x70", **DEAD, reason="too_large"),
    ),
    Case("DeliveriesDead", 80, None, added=one("notifier_deliveries_total", "_x50 1x70", **DEAD, reason="too_large")),
    Case(
        "DeliveriesDead",
        55,
        "Deliveries over the sink hook were given up (too_large).",
        {"sink": "hook", "reason": "too_large"},
        added=one("notifier_deliveries_total", "1x50 2x70", **DEAD, reason="too_large"),
    ),
    Case(
        "DeliveriesStuck",
        30,
        "A delivery over the sink hook has been waiting for 13h 53m 20s.",
        {"sink": "hook"},
        added=[series("notifier_oldest_pending_seconds", "50000x120", pod="d", sink="hook")],
    ),
    Case(
        "ToldLate",
        60,
        "From a change until the sink hook has told it 14m 30s pass (95th percentile).",
        {"sink": "hook"},
        (SECONDS[3],),
        spans(SECONDS[3], "900", sink="hook"),
    ),
    Case(
        "EndpointDisabled",
        30,
        "Of the sink hook 2 endpoints answered 410 and are disabled.",
        {"sink": "hook"},
        added=[series("notifier_endpoints_disabled", "2x120", pod="d", sink="hook")],
    ),
    Case(
        "ReceiversHeldBack",
        30,
        "Of the sink hook 3 endpoints keep failing and are held back.",
        {"name": "hook"},
        added=[series("notifier_breaker_open", "3x120", pod="d", kind="sink", name="hook")],
    ),
    Case(
        "RecordsSkipped",
        55,
        "Records that somebody wrote to the topic of watches or commands were skipped (too_large).",
        {"reason": "too_large"},
        added=one("notifier_watches_rejected_total", "_x50 1x70", reason="too_large"),
    ),
    Case(
        "VersionsDiffer",
        60,
        "Replicas of different releases run beside each other; a roll-out has stopped halfway.",
        added=[series("notifier_build_info", "1x120", pod="d", version="0.2.0")],
    ),
)


def _test(case: Case, rules: dict[str, Object]) -> dict[str, Any]:
    rule = rules[f"OrderNotifier{case.alert}"]
    kept = [it for it in healthy() if not any(it["series"].startswith(name) for name in case.without)]
    told = {
        "exp_labels": {**rule["labels"], "namespace": "orders", "job": "rides-order-notifier", **case.labels},
        "exp_annotations": {"runbook_url": rule["annotations"]["runbook_url"], "summary": case.summary},
    }
    expected = [] if case.summary is None else [told]
    asked = {"eval_time": f"{case.minute}m", "alertname": rule["alert"], "exp_alerts": expected}
    return {"interval": "1m", "input_series": kept + list(case.added), "alert_rule_test": [asked]}


def main(promtool: str = "promtool") -> int:
    spec = chart.one(chart.render(chart.kafka(prometheusRule={"enabled": True})), "PrometheusRule")["spec"]
    rules = {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}
    silent = [Case(name.removeprefix("OrderNotifier"), 100, None) for name in rules]
    fired = {f"OrderNotifier{case.alert}" for case in CASES if case.summary is not None}
    if fired != set(rules):
        print(f"never fired: {', '.join(sorted(set(rules) - fired))}")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        rule_file, test_file = Path(folder, "rules.yaml"), Path(folder, "test.yaml")
        rule_file.write_text(yaml.safe_dump(spec, sort_keys=False))
        tests = [_test(case, rules) for case in (*silent, *CASES)]
        test_file.write_text(yaml.safe_dump({"rule_files": [str(rule_file)], "tests": tests}, sort_keys=False))
        print(f"{len(rules)} alerts, {len(tests)} tests", flush=True)
        for words in (["check", "rules", str(rule_file)], ["test", "rules", str(test_file)]):
            if code := subprocess.run([promtool, *words]).returncode:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
