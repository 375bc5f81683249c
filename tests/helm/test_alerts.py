"""The alerts, the dashboard and KEDA's query: PromQL over metrics that exist; and each alert's runbook."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click
import promql_parser
import pytest

from notifier.cli.main import program
from notifier.metrics import Metrics
from tests.helm import chart
from tests.helm.chart import ROOT, Object
from tests.test_metrics import PUBLIC

RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
PARTS = {part.split("\n", 1)[0]: part for part in RUNBOOKS.split("\n## ")[1:]}

ON_KAFKA = chart.kafka(prometheusRule={"enabled": True})


def rules(values: chart.Values = ON_KAFKA) -> list[Object]:
    (group,) = chart.one(chart.render(values), "PrometheusRule")["spec"]["groups"]
    found: list[Object] = group["rules"]
    return found


def dashboard() -> Any:
    return json.loads((chart.CHART / "dashboards" / "order-notifier.json").read_text())


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"].replace("$__rate_interval", "5m")
    (trigger,) = chart.one(chart.render(chart.SWITCHES["keda"]), "ScaledObject")["spec"]["triggers"]
    yield "keda", trigger["metadata"]["query"]


QUERIES = [pytest.param(expr, id=name) for name, expr in queries()]


def known() -> Mapping[str, set[str]]:
    """Every series as a scraper sees it, with its labels; tests/test_metrics.py holds PUBLIC to the program."""
    samples = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    return {**{name: set[str]() for name in samples if name.startswith("process_")}, **PUBLIC}


def selectors(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Names and matched labels of what an expression reads."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expr), pre_visit=visit)
    for each in found:
        assert each.name is not None
        yield each.name, {matcher.name for matcher in each.matchers.matchers}


def grouped(expr: str) -> list[set[str]]:
    """The labels of each `by (…)` and `on (…)`."""
    return [{label.strip() for label in by.split(",")} for by in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expr)]


@pytest.mark.parametrize("expr", QUERIES)
def test_it_reads_metrics_that_exist(expr: str) -> None:
    names = known()
    read = list(selectors(expr))
    assert read
    for name, labels in read:
        assert name in names
        assert {"namespace", "job"} <= labels <= names[name] | {"namespace", "job"}, "this release's alone"


@pytest.mark.parametrize("expr", QUERIES)
def test_it_groups_by_labels_that_exist(expr: str) -> None:
    labels = set().union(*(known()[name] for name, _ in selectors(expr))) | {"namespace", "job", "pod"}
    for by in grouped(expr):
        assert by <= labels


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in rules()])
def test_each_alert_tells_where(rule: Object) -> None:
    """The runbooks' commands are filled in with these two labels; grouping drops all that it does not name."""
    assert all({"namespace", "job"} <= by for by in grouped(rule["expr"]))
    of_all = re.findall(r"\b(?:sum|max|min|count|avg)\b", rule["expr"])
    assert len(of_all) == len(re.findall(r"\b(?:sum|max|min|count|avg) by \(", rule["expr"])), "never without by"
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= set().union(*grouped(rule["expr"]))


def test_a_source_that_never_answered_is_seen() -> None:
    """It has no time of a last good look: what is compared must have the start of the process instead."""
    (rule,) = [it for it in rules() if it["alert"] == "OrderNotifierNoGoodLook"]
    assert "process_start_time_seconds" in {name for name, _ in selectors(rule["expr"])}


def test_every_metric_is_watched() -> None:
    watched = {name for _, expr in queries() for name, _ in selectors(expr)}
    assert set(PUBLIC) - watched == set()


def test_a_wrong_name_would_be_found() -> None:
    assert [name for name, _ in selectors("rate(no_such_total{a='b'}[5m]) > 0")] == ["no_such_total"]
    assert "no_such_total" not in known()


def test_all_partitions_must_be_owned() -> None:
    expected = {"sqlite": "< 1", "kafka": "< 12"}
    config = {"sqlite": {"prometheusRule": {"enabled": True}}, "kafka": ON_KAFKA}
    for backend, values in config.items():
        (rule,) = [it for it in rules(values) if it["alert"] == "OrderNotifierShardsUnowned"]
        assert rule["expr"].endswith(expected[backend])


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in rules()])
def test_each_alert_has_its_runbook(rule: Object) -> None:
    part = PARTS[rule["alert"]]
    for word in ("**Means.**", "**Look.**", "**Mend.**"):
        assert part.count(word) == 1
    look, mend = part.split("**Look.**")[1].split("**Mend.**")
    assert "```sh" in look
    assert "```sh" in mend
    url = rule["annotations"]["runbook_url"]
    assert url == f"docs/runbooks.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_no_runbook_without_an_alert() -> None:
    assert set(PARTS) == {rule["alert"] for rule in rules()}


def test_the_runbooks_commands_exist() -> None:
    context = click.Context(program)
    asked = re.findall(r"-- notifier ([a-z-]+)((?: [^\n`]+)?)", RUNBOOKS)
    assert len(asked) > 15
    for name, rest in asked:
        command = program.get_command(context, name)
        assert command is not None, name
        words = rest.split()
        if isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words[0])
            assert command is not None, words[0]
        options = {option for it in command.params for option in it.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_left_out_and_labelled() -> None:
    values = {"prometheusRule": {"enabled": True, "disabled": ["OrderNotifierAbsent"], "alertLabels": {"team": "x"}}}
    found = rules(values)
    assert "OrderNotifierAbsent" not in {rule["alert"] for rule in found}
    assert len(found) == len(rules()) - 1
    assert all(rule["labels"]["team"] == "x" and rule["labels"]["severity"] for rule in found)


def test_the_dashboard_is_in_the_config_map_as_it_is() -> None:
    values = {"grafanaDashboard": {"enabled": True}}
    (config,) = [it for it in chart.render(values) if it["metadata"]["name"].endswith("-dashboard")]
    ((_, text),) = config["data"].items()
    assert json.loads(text) == dashboard()
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
