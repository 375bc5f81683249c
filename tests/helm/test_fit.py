"""What refers to what: selectors, ports, volumes, names, times."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from notifier.fields import parse_duration
from tests.helm import chart
from tests.helm.chart import Object, Values

CASES = [pytest.param(values, id=name) for name, values in chart.cases()]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def pod_labels(objects: list[Object]) -> Mapping[str, str]:
    labels: Mapping[str, str] = chart.workload(objects)["spec"]["template"]["metadata"]["labels"]
    return labels


@pytest.mark.parametrize("values", CASES)
def test_selectors_find_the_service_and_never_the_test(values: Values) -> None:
    objects = chart.render(values)
    spec = chart.workload(objects)["spec"]
    selectors = [spec["selector"]["matchLabels"]]
    selectors += [it["labelSelector"]["matchLabels"] for it in spec["template"]["spec"]["topologySpreadConstraints"]]
    selectors += [it["spec"]["selector"] for it in objects if it["kind"] == "Service"]
    selectors += [it["spec"]["selector"]["matchLabels"] for it in objects if it["kind"] == "PodDisruptionBudget"]
    selectors += [
        it["spec"]["podSelector"]["matchLabels"]
        for it in objects
        if it["kind"] == "NetworkPolicy" and not it["metadata"]["name"].endswith("-test")
    ]
    assert all(selects(selector, pod_labels(objects)) for selector in selectors)
    for test in (it for it in objects if it["kind"] == "Pod"):
        assert not any(selects(selector, test["metadata"]["labels"]) for selector in selectors)


@pytest.mark.parametrize("values", CASES)
def test_selectors_never_change(values: Values) -> None:
    """They are immutable: no release and no version may be in them."""
    selector = chart.workload(chart.render(values))["spec"]["selector"]["matchLabels"]
    parts = ("name", "instance", "component")
    assert set(selector) == {f"app.kubernetes.io/{part}" for part in parts}


@pytest.mark.parametrize("values", CASES)
def test_mounts_and_volumes_are_the_same(values: Values) -> None:
    for _, spec in chart.pod_specs(chart.render(values)):
        volumes = [it["name"] for it in spec["volumes"]]
        mounts = {
            it["name"]
            for each in spec.get("initContainers", []) + spec["containers"]
            for it in each.get("volumeMounts", [])
        }
        assert len(volumes) == len(set(volumes))
        assert mounts == set(volumes)
        for each in spec["containers"]:
            assert not any("subPath" in it for it in each["volumeMounts"]), (
                "what is mounted so never changes with its Secret"
            )


@pytest.mark.parametrize("values", CASES)
def test_ports_meet(values: Values) -> None:
    objects = chart.render(values)
    each = chart.container(chart.pod_spec(objects))
    ports = {port["name"]: port["containerPort"] for port in each["ports"]}
    assert list(ports) == ["http"]
    for service in (it for it in objects if it["kind"] == "Service"):
        assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe in each:
            assert each[probe]["httpGet"]["port"] == "http"


@pytest.mark.parametrize("values", CASES)
def test_what_is_named_exists(values: Values) -> None:
    objects = chart.render(values)
    names = {(it["kind"], it["metadata"]["name"]) for it in objects}
    services = {it["metadata"]["name"]: it["spec"]["ports"][0]["port"] for it in objects if it["kind"] == "Service"}
    for it in objects:
        spec = it.get("spec", {})
        if "scaleTargetRef" in spec:
            assert (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) in names
        if it["kind"] == "StatefulSet":
            assert spec["serviceName"] in services
        if it["kind"] == "Ingress":
            backends = [path["backend"]["service"] for rule in spec["rules"] for path in rule["http"]["paths"]]
            assert all(backend["name"] in services and backend["port"] == {"name": "http"} for backend in backends)
        if it["kind"] == "HTTPRoute" and values.get("httpRoute", {}).get("rules") is None:
            assert [(ref["name"], ref["port"]) for rule in spec["rules"] for ref in rule["backendRefs"]] == [
                (name, port) for name, port in services.items() if not name.endswith("-headless")
            ]
        if it["kind"] == "ServiceMonitor":
            found = [
                each
                for each in objects
                if each["kind"] == "Service" and selects(spec["selector"]["matchLabels"], each["metadata"]["labels"])
            ]
            assert len(found) == 1, "every pod once"


@pytest.mark.parametrize(
    "name", ["r", "rides", "order-notifier", "my-order-notifier-2", "a" * 53, "a" * 40 + "-order-notifier"[:13]]
)
def test_names_fit(name: str) -> None:
    objects = chart.render({**chart.example("everything"), "fullnameOverride": ""}, name=name)
    workload = chart.workload(objects)["metadata"]["name"]
    assert len(f"{workload}-0123456789") <= 63, "a StatefulSet's name and a hash are a label"
    for it in objects:
        assert len(it["metadata"]["name"]) <= 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", it["metadata"]["name"])
        for label in it["metadata"].get("labels", {}).values():
            assert len(label) <= 63
            assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", label)


@pytest.mark.parametrize(
    ("grace", "seconds"),
    [
        ("10s", 10),
        ("1m", 60),
        ("1.5m", 90),
        ("500ms", 1),
        ("1500ms", 2),
        ("0", 0),
        (0, 0),
        (" 2 h ", 7200),
        ("1d", 86400),
    ],
)
def test_the_grace_period_fits_the_shutdown(grace: object, seconds: int) -> None:
    spec = chart.pod_spec(chart.render({"config": {"shutdown_grace": grace}}))
    assert -(-parse_duration(grace) // 1000) == seconds, "the program reads it so"
    before = chart.container(spec)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] == before + seconds + 5


def test_the_grace_period_may_be_longer() -> None:
    assert chart.pod_spec(chart.render({"terminationGracePeriodSeconds": 90}))["terminationGracePeriodSeconds"] == 90


def test_one_pod_at_a_time() -> None:
    stateful = chart.workload(chart.render(chart.KAFKA))["spec"]
    assert stateful["updateStrategy"] == {"type": "RollingUpdate"}
    assert stateful["podManagementPolicy"] == "Parallel", "with OrderedReady a broken pod stops its own roll-back"
    deployment = chart.workload(chart.render(chart.kafka(kind="Deployment")))["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert stateful["minReadySeconds"] == deployment["minReadySeconds"] == 5


def test_spreading_over_others_stays_as_asked() -> None:
    mine = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    assert chart.pod_spec(chart.render({"topologySpreadConstraints": [mine]}))["topologySpreadConstraints"] == [mine]


def test_autoscaled_replicas_are_not_set() -> None:
    for name in ("autoscaling", "keda"):
        assert "replicas" not in chart.workload(chart.render(chart.SWITCHES[name]))["spec"]
    assert chart.workload(chart.render(chart.KAFKA))["spec"]["replicas"] == 3


def test_the_volume_stays_unless_asked() -> None:
    kept = chart.one(chart.render(), "PersistentVolumeClaim")
    assert kept["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    gone = chart.one(chart.render({"persistence": {"retain": False}}), "PersistentVolumeClaim")
    assert "annotations" not in gone["metadata"]
    for name in ("plain kafka", "no volume", "claim of one's own"):
        assert "PersistentVolumeClaim" not in chart.kinds(chart.render(chart.SWITCHES[name]))


def test_network_policy() -> None:
    policy = chart.one(chart.render(chart.example("everything")), "NetworkPolicy", "notifier")["spec"]
    test = chart.one(chart.render(chart.example("everything")), "Pod")["metadata"]["labels"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    sources = policy["ingress"][0]["from"]
    assert any(selects(it.get("podSelector", {}).get("matchLabels", {}), test) for it in sources)
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [443, 465, 587], [9093], [8000]]
    external = policy["egress"][1]["to"]
    assert "169.254.0.0/16" in external[0]["ipBlock"]["except"], "the cloud's metadata service"


def test_brokers_ports() -> None:
    servers = ["a:9094", "b:9095", "c:9094", "${BROKER}"]
    values = {
        "config": {"backend": {"type": "kafka", "bootstrap_servers": servers}},
        "networkPolicy": {"enabled": True},
    }
    rules = chart.one(chart.render(values), "NetworkPolicy", "rides-order-notifier")["spec"]["egress"]
    assert [port["port"] for port in rules[-1]["ports"]] == [9094, 9095, 9092]


def test_a_kafka_sink_reaches_its_brokers() -> None:
    objects = chart.render(chart.SWITCHES["network policy with a sink"])
    rules = chart.one(objects, "NetworkPolicy", "rides-order-notifier")["spec"]["egress"]
    assert rules[-1] == {"ports": [{"port": 9095, "protocol": "TCP"}]}
    without = chart.render(chart.SWITCHES["network policy"])
    assert len(chart.one(without, "NetworkPolicy", "rides-order-notifier")["spec"]["egress"]) == len(rules) - 1


def test_the_test_reaches_the_service_where_all_is_forbidden() -> None:
    objects = chart.render(chart.example("everything"))
    policy = chart.one(objects, "NetworkPolicy", "notifier-test")["spec"]
    test = chart.one(objects, "Pod")["metadata"]["labels"]
    assert selects(policy["podSelector"]["matchLabels"], test)
    assert not selects(policy["podSelector"]["matchLabels"], pod_labels(objects))
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    dns, service = policy["egress"]
    assert [port["port"] for port in dns["ports"]] == [53, 53]
    assert selects(service["to"][0]["podSelector"]["matchLabels"], pod_labels(objects))
    ports = chart.container(chart.pod_spec(objects))["ports"]
    assert [port["port"] for port in service["ports"]] == [port["containerPort"] for port in ports]
    assert "NetworkPolicy" not in chart.kinds(chart.render())


def test_annotations() -> None:
    """Commands go to the service's container, whatever stands beside it; the checksum is the chart's."""
    values = {**chart.SWITCHES["annotated"], "podAnnotations": {"a": "b", "checksum/config": "mine"}}
    found = chart.workload(chart.render(values))
    assert found["metadata"]["annotations"] == {"reloader.stakater.com/auto": "true"}
    pod = found["spec"]["template"]["metadata"]["annotations"]
    assert pod.pop("checksum/config") != "mine"
    assert pod == {"a": "b", "kubectl.kubernetes.io/default-container": "notifier"}
    assert "annotations" not in chart.workload(chart.render())["metadata"]
