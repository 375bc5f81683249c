"""Pods roll when the configuration has changed, and only then; the same values give the same objects."""

import copy

import pytest

from tests.helm import chart
from tests.helm.chart import Object, Values


def pods(values: Values) -> Object:
    template: Object = chart.workload(chart.render(values))["spec"]["template"]
    return template


@pytest.mark.parametrize("name", sorted(chart.EXAMPLES))
def test_no_chance_in_it(name: str) -> None:
    values = chart.example(name)
    assert chart.texts(values) == chart.texts(copy.deepcopy(values))


@pytest.mark.parametrize("name", sorted(chart.EXAMPLES))
def test_a_changed_configuration_rolls(name: str) -> None:
    before = chart.example(name)
    after = copy.deepcopy(dict(before))
    after["config"]["retention"] = "7d"
    first, second = pods(before), pods(after)
    checksum = "checksum/config"
    assert first["metadata"]["annotations"].pop(checksum) != second["metadata"]["annotations"].pop(checksum)
    assert first == second, "nothing else has changed"
    back = pods(before)
    assert back["metadata"]["annotations"][checksum], "a roll-back is the first again"
    assert back == pods(copy.deepcopy(before))


def test_changed_messages_roll() -> None:
    first, second = (pods({"messages": {"en/labels.txt": text}}) for text in ("driver: Driver", "driver: Your driver"))
    assert first["spec"] == second["spec"]
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


@pytest.mark.parametrize(
    "beside",
    [
        {"serviceMonitor": {"enabled": True}},
        {"prometheusRule": {"enabled": True}},
        {"networkPolicy": {"enabled": True}},
        {"replicaCount": 5},
        {"service": {"labels": {"a": "b"}}},
    ],
)
def test_what_is_beside_the_pods_rolls_nothing(beside: Values) -> None:
    assert pods(chart.KAFKA) == pods({**chart.KAFKA, **beside})


def test_a_new_release_changes_the_image_alone() -> None:
    """Neither the chart's version nor the program's is in the pods' labels or in the checksum."""
    template = pods({})
    assert chart.loaded().version not in str(template["metadata"])
    assert set(template["metadata"]["annotations"]) == {"checksum/config", "kubectl.kubernetes.io/default-container"}


def test_immutable_fields_do_not_depend_on_the_backend() -> None:
    """So that a release can go from sqlite to kafka and back."""
    fields = ("serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates")
    sqlite, kafka = (chart.workload(chart.render(values))["spec"] for values in ({}, chart.KAFKA))
    assert [sqlite.get(field) for field in fields] == [kafka.get(field) for field in fields]
