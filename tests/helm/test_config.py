"""The rendered configuration, loaded as the pod would: with its mounts, its environment, and `notifier check`."""

import os
from pathlib import Path
from typing import Any

import click
import helm_python
import pytest
import yaml
from click.testing import CliRunner, Result

from notifier.cli.main import program
from notifier.config.sections import KafkaSettings
from tests.helm import chart
from tests.helm.chart import Values
from tests.helm.pod import HOME, Pod

CASES = [pytest.param(values, id=name) for name, values in chart.cases()]


def check(pod: Pod, args: list[str], monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(pod.folder)
    for name in [name for name in os.environ if name.startswith(("TRIPS", "LOG_LEVEL"))]:
        monkeypatch.delenv(name)
    return CliRunner().invoke(
        program, [pod.here(arg).as_posix() if arg.startswith(HOME) else arg for arg in args], env=pod.env
    )


@pytest.mark.parametrize("values", CASES)
def test_the_service_can_load_it(values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = chart.render(values)
    spec = chart.pod_spec(objects)
    each = chart.container(spec)
    pod = Pod(objects, tmp_path, spec, each)
    command, *args = each["args"]
    assert command == "run"
    result = check(pod, ["check", *[arg for arg in args if arg != "--help"]], monkeypatch)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", sorted(chart.EXAMPLES))
def test_the_test_can_load_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = chart.render(chart.example(name))
    spec = chart.one(objects, "Pod")["spec"]
    (first,) = spec["initContainers"]
    pod = Pod(objects, tmp_path, spec, first)
    assert first["workingDir"] == HOME, "the default file is config/notifier.yaml"
    result = check(pod, first["args"], monkeypatch)
    assert result.exit_code == 0, result.output
    name, *args = spec["containers"][0]["args"]
    command = program.get_command(click.Context(program), name)
    assert command is not None
    options = {option for it in command.params for option in it.opts}
    asked = [arg for arg in args if arg.startswith("--")]
    assert set(asked) <= options


@pytest.mark.parametrize("name", sorted(chart.EXAMPLES))
def test_what_is_given_is_kept(name: str) -> None:
    """All of `config:` is in the file as it stands; the chart adds, and changes nothing."""
    given = chart.example(name)["config"]
    pod = yaml.safe_load(
        chart.one(chart.render(chart.example(name)), "ConfigMap", _name(name))["data"]["notifier.yaml"]
    )
    assert _kept(given, pod)


def _name(example: str) -> str:
    return "notifier" if example == "everything" else "rides-order-notifier"


def _kept(given: Any, found: Any) -> bool:
    if isinstance(given, dict):
        return isinstance(found, dict) and all(
            name in found and _kept(value, found[name]) for name, value in given.items()
        )
    return bool(given == found)


def rendered(values: Values) -> Any:
    return yaml.safe_load(chart.one(chart.render(values), "ConfigMap", "rides-order-notifier")["data"]["notifier.yaml"])


def test_what_the_chart_adds() -> None:
    sqlite = rendered({})
    assert sqlite["backend"] == {"type": "sqlite", "path": "/var/lib/order-notifier/notifier.db"}
    assert sqlite["api"] == {"host": "0.0.0.0", "port": 8080, "token_file": f"{HOME}/credentials/api/token"}
    stateful = rendered(chart.KAFKA)["backend"]
    assert stateful["instance_id"] == "${POD_NAME}", "static members"
    assert stateful["session_timeout"] == "20s", "else each restart of a pod would move its shards after all"
    deployment = rendered(chart.kafka(kind="Deployment"))["backend"]
    assert deployment.keys() == chart.KAFKA["config"]["backend"].keys(), "its pods never come back"


def test_the_charts_defaults_are_the_programs() -> None:
    """Where templates count with what is left out."""
    settings = KafkaSettings.model_validate({"type": "kafka", "bootstrap_servers": ["kafka:9092"]})
    replicas = {"replicaCount": settings.partitions}
    chart.render({**chart.KAFKA, **replicas})
    with pytest.raises(helm_python.HelmRenderError, match=f"for {settings.partitions} partitions"):
        chart.render({**chart.KAFKA, "replicaCount": settings.partitions + 1})


def test_the_api_tokens_may_lie_elsewhere() -> None:
    """Then no Secret is waited for that nobody reads."""
    objects = chart.render(chart.SWITCHES["api tokens of one's own"])
    for _, spec in chart.pod_specs(objects):
        assert "credential-api" not in {it["name"] for it in spec["volumes"]}
        assert "credential-mine" in {it["name"] for it in spec["volumes"]}


def test_what_is_given_wins() -> None:
    config = {
        "backend": {"type": "sqlite", "path": "/var/lib/order-notifier/rides.db"},
        "api": {"host": "::", "port": 9000, "token_file": "/x"},
    }
    found = rendered({"config": config})
    assert found["backend"] == config["backend"]
    assert found["api"] == config["api"]


def test_messages_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They reach `check`, which tries each of them."""
    for text, code in (("{{ order.name }}", 0), ("{{ order.nonesuch }}", 2)):
        folder = tmp_path / str(code)
        objects = chart.render({"messages": {"en/pickup.message.txt.j2": text}})
        spec = chart.pod_spec(objects)
        pod = Pod(objects, folder, spec, chart.container(spec))
        assert check(pod, ["check"], monkeypatch).exit_code == code


def test_large_numbers_stay_numbers() -> None:
    sources = {"parcels": {"account": {"company_id": 12345678901}, "budget": {"requests_per_second": 1000000}}}
    assert rendered({"config": {"sources": sources}})["sources"] == sources
