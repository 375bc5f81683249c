"""What the chart refuses, and that it says why."""

import helm_python
import pytest

from tests.helm import chart
from tests.helm.chart import KAFKA, Values, kafka

TOO_MANY = {"config": {"backend": {"type": "kafka", "bootstrap_servers": ["kafka:9092"], "partitions": 4}}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"replicaCount": 2}, "/replicaCount.*with sqlite.*set config.backend.type to kafka"),
        ({"config": {"backend": {"type": "sqlite", "path": "/x"}}, "replicaCount": 3}, "/replicaCount.*with sqlite"),
        ({"replicaCount": "one"}, "/replicaCount"),
        ({"kind": "Deployment"}, "/kind.*only with config.backend.type kafka"),
        ({"autoscaling": {"enabled": True}}, "/autoscaling/enabled.*only with config.backend.type kafka"),
        ({"keda": {"enabled": True, "prometheus": {"serverAddress": "http://x"}}}, "/keda/enabled.*only with"),
        (kafka(autoscaling={"enabled": True}, keda={"enabled": True}), "/keda/enabled.*not both"),
        (kafka(keda={"enabled": True}), "keda.prometheus.serverAddress is missing"),
        ({"config": {"backend": {"type": "kafka"}}}, "bootstrap_servers"),
        ({"config": {"backend": {"type": "postgres"}}}, "/config/backend/type"),
        ({"config": None}, "config"),
        (TOO_MANY | {"replicaCount": 5}, "5 replicas for 4 partitions"),
        (TOO_MANY | {"autoscaling": {"enabled": True, "maxReplicas": 5}}, "5 replicas for 4 partitions"),
        (
            TOO_MANY | {"keda": {"enabled": True, "maxReplicaCount": 9, "prometheus": {"serverAddress": "http://x"}}},
            "9 replicas for 4 partitions",
        ),
        ({"config": {"api": {"host": "127.0.0.1"}}}, "config.api.host is 127.0.0.1.*leave it out"),
        ({"config": {"shutdown_grace": "10"}}, 'config.shutdown_grace is "10": write a number with'),
        ({"config": {"shutdown_grace": 10}}, 'config.shutdown_grace is "10": write a number with'),
        ({"config": {"shutdown_grace": "${GRACE}"}}, "config.shutdown_grace is"),
        ({"config": {"shutdown_grace": True}}, "/config/shutdown_grace"),
        (kafka(autoscaling={"enabled": True, "minReplicas": 5, "maxReplicas": 3}), "minReplicas is 5.*maxReplicas 3"),
        (
            kafka(autoscaling={"enabled": True, "targetCPUUtilizationPercentage": None}),
            "nothing to go by: give targetCPU",
        ),
        (kafka(autoscaling={"enabled": True}, resources={"requests": {"cpu": None}}), "give resources.requests.cpu"),
        (
            kafka(
                keda={
                    "enabled": True,
                    "minReplicaCount": 7,
                    "maxReplicaCount": 6,
                    "prometheus": {"serverAddress": "http://x"},
                }
            ),
            "minReplicaCount is 7.*maxReplicaCount 6",
        ),
        ({"config": {"shutdown_grace": "1m"}, "terminationGracePeriodSeconds": 60}, "60"),
        ({"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}}, "not both"),
        ({"persistence": {"accessModes": ["ReadWriteMany"]}}, "/persistence/accessModes"),
        ({"credentials": {"trips": {"secretName": "x"}}}, "/credentials/trips"),
        ({"credentials": {"trips": {"existingSecret": ""}}}, "existingSecret"),
        ({"credentials": {"api": {"existingSecret": "x"}}}, "api"),
        ({"credentials": {"Trips_1": {"existingSecret": "x"}}}, "Trips_1"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"fullnameOverride": "Upper"}, "/fullnameOverride"),
        ({"fullnameOverride": "a" * 53}, "/fullnameOverride.*maxLength: got 53, want 52"),
        ({"prometheusRule": {"thresholds": {"lookLag": 1}}}, "lookLag"),
        ({"replicas": 3}, "replicas"),
        ({"persistance": {"enabled": False}}, "persistance"),
    ],
)
def test_refused(values: Values, told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=told):
        chart.render(values)


@pytest.mark.parametrize("section", [name for name, value in chart.loaded().values.items() if isinstance(value, dict)])
def test_no_section_takes_unknown_names(section: str) -> None:
    """But those that are handed on as they are."""
    handed_on = {"affinity", "dnsConfig", "podSecurityContext", "securityContext", "resources", "updateStrategy"}
    handed_on |= {"startupProbe", "livenessProbe", "readinessProbe", "config"}
    handed_on |= {"commonLabels", "nodeSelector", "podAnnotations", "podLabels"}
    if section in handed_on:
        chart.render({**KAFKA, section: {**KAFKA.get(section, {}), "no_such_name": "x"}})
    else:
        with pytest.raises(helm_python.HelmValuesError, match="no_such_name"):
            chart.render({**KAFKA, section: {"no_such_name": 1}})
