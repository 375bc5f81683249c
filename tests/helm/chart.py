"""The chart rendered as `helm template` does it, its examples, and every switch that it has."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "order-notifier"
EXAMPLES = {path.stem: path for path in sorted((CHART / "examples").glob("*.yaml"))}

Values = Mapping[str, Any]
Object = dict[str, Any]

KAFKA: Values = {"config": {"backend": {"type": "kafka", "bootstrap_servers": ["kafka:9092"]}}, "replicaCount": 3}


def kafka(**values: Any) -> Values:
    return {**KAFKA, **values}


SWITCHES: Mapping[str, Values] = {
    "defaults": {},
    "plain kafka": KAFKA,
    "deployment": kafka(kind="Deployment"),
    "no replica": {"replicaCount": 0},
    "annotated": kafka(workloadAnnotations={"reloader.stakater.com/auto": "true"}, podAnnotations={"a": "b"}),
    "names": {"nameOverride": "rides"},
    "full name": {"fullnameOverride": "rides"},
    "common labels": {"commonLabels": {"team": "logistics"}},
    "digest": {"image": {"digest": "sha256:" + "0" * 64}},
    "pull secrets": {"imagePullSecrets": [{"name": "registry"}]},
    "api key": {"api": {"existingSecret": "tokens", "existingSecretKey": "api-tokens.txt"}},
    "api tokens of one's own": {
        "credentials": {"mine": {"existingSecret": "mine"}},
        "config": {"api": {"token_file": "/etc/order-notifier/credentials/mine/tokens"}},
    },
    "port": {"config": {"api": {"port": 9000}}, "service": {"port": 80}},
    "no volume": {"persistence": {"enabled": False}},
    "claim of one's own": {"persistence": {"existingClaim": "orders"}},
    "volume that goes": {"persistence": {"retain": False, "storageClass": "fast", "annotations": {"a": "b"}}},
    "account of one's own": {"serviceAccount": {"create": False, "name": "robot"}},
    "default account": {"serviceAccount": {"create": False}},
    "no preStop": {"preStopSleepSeconds": 0},
    "no probes": {"startupProbe": None, "livenessProbe": None, "readinessProbe": None},
    "arguments": {"extraArgs": ["--help"]},
    "init container": {
        "extraInitContainers": [
            {
                "name": "wait",
                "image": "wait",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ]
    },
    "no disruption budget": {"podDisruptionBudget": {"enabled": False}},
    "least available": kafka(podDisruptionBudget={"minAvailable": "50%"}),
    "autoscaling": kafka(autoscaling={"enabled": True}),
    "autoscaling by memory": kafka(autoscaling={"enabled": True, "targetMemoryUtilizationPercentage": 80}),
    "keda": kafka(keda={"enabled": True, "prometheus": {"serverAddress": "http://prometheus:9090"}}),
    "keda of a deployment": kafka(
        kind="Deployment",
        keda={
            "enabled": True,
            "prometheus": {"serverAddress": "http://prometheus:9090", "query": "vector(1)"},
            "authenticationRef": {"name": "prometheus"},
        },
    ),
    "load balancer": {"service": {"type": "LoadBalancer", "annotations": {"a": "b"}, "labels": {"c": "d"}}},
    "ingress": {"ingress": {"enabled": True}},
    "route": {"httpRoute": {"enabled": True}},
    "route with rules": {
        "httpRoute": {"enabled": True, "rules": [{"backendRefs": [{"name": "other", "port": 80}]}]},
    },
    "network policy": {"networkPolicy": {"enabled": True}},
    "network policy with kafka": kafka(networkPolicy={"enabled": True}),
    "network policy with a sink": {
        "networkPolicy": {"enabled": True},
        "config": {"sinks": {"bus": {"type": "kafka", "bootstrap_servers": ["bus:9095"], "topic": "orders"}}},
    },
    "closed network policy": {
        "networkPolicy": {
            "enabled": True,
            "ingress": {"from": [{"podSelector": {}}]},
            "egress": {"dns": [], "externalPorts": []},
        }
    },
    "monitor": {
        "serviceMonitor": {
            "enabled": True,
            "namespace": "monitoring",
            "relabelings": [{"action": "labeldrop", "regex": "endpoint"}],
            "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
        }
    },
    "alerts": {"prometheusRule": {"enabled": True, "namespace": "monitoring"}},
    "some alerts": {"prometheusRule": {"enabled": True, "disabled": ["OrderNotifierAbsent"]}},
    "more alerts": {
        "prometheusRule": {
            "enabled": True,
            "additionalGroups": [{"name": "mine", "rules": [{"alert": "Mine", "expr": "vector(1)"}]}],
        }
    },
    "dashboard": {"grafanaDashboard": {"enabled": True, "extraLabels": {"folder": "rides"}}},
    "extra objects": {
        "extraObjects": [
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-a'}",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-b"}},
        ]
    },
    "messages": {
        "messages": {"en/labels.txt": "driver: Your driver\n", "en/pickup.message.txt.j2": "{{ order.name }}"}
    },
    "no tests": {"tests": {"enabled": False}},
}


@cache
def loaded() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def texts(values: Values | None = None, name: str = "rides", namespace: str = "orders") -> dict[str, str]:
    """The rendered templates by their file's name, NOTES.txt among them."""
    rendered = loaded().render(dict(values or {}), name=name, namespace=namespace)
    return {path.removeprefix("order-notifier/templates/"): text for path, text in rendered.items()}


def render(values: Values | None = None, name: str = "rides", namespace: str = "orders") -> list[Object]:
    """All objects; a name that occurs twice in one mapping is an error, as it is for an API server."""
    objects: list[Object] = json.loads(_rendered(json.dumps(values or {}), name, namespace))
    return objects


@cache
def _rendered(values: str, name: str, namespace: str) -> str:
    """As JSON: reading YAML takes longer than all the rest, and each caller gets objects of its own."""
    files = texts(json.loads(values), name, namespace)
    return json.dumps(
        [it for file, text in files.items() if file != "NOTES.txt" for it in yaml.load_all(text, _Strict) if it]
    )


def example(name: str) -> Values:
    values: Values = yaml.safe_load(EXAMPLES[name].read_text())
    return values


def cases() -> Iterator[tuple[str, Values]]:
    """Every example and every switch."""
    yield from ((name, example(name)) for name in EXAMPLES)
    yield from SWITCHES.items()


def one(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The only one of its kind (and name)."""
    (found,) = [it for it in objects if it["kind"] == kind and name in (None, it["metadata"]["name"])]
    return found


def kinds(objects: list[Object]) -> set[str]:
    return {it["kind"] for it in objects}


def workload(objects: list[Object]) -> Object:
    (found,) = [it for it in objects if it["kind"] in ("StatefulSet", "Deployment")]
    return found


def pod_spec(objects: list[Object]) -> Object:
    """Of the service's pods."""
    spec: Object = workload(objects)["spec"]["template"]["spec"]
    return spec


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod that comes of these objects, the tests' too, with where it stands."""
    for it in objects:
        if it["kind"] == "Pod":
            yield f"Pod {it['metadata']['name']}", it["spec"]
        elif "template" in it.get("spec", {}):
            yield f"{it['kind']} {it['metadata']['name']}", it["spec"]["template"]["spec"]


def container(spec: Object, name: str = "notifier") -> Object:
    (found,) = [it for it in spec["containers"] if it["name"] == name]
    return dict(found)


class _Strict(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        assert len(names) == len(set(names)), f"{node.start_mark}: a key stands twice: {sorted(names)}"
        return super().construct_mapping(node, deep)
