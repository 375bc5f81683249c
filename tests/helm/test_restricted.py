"""Every pod fits 'restricted' (kubernetes.io, 'Pod Security Standards'), and asks for less still."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helm import chart
from tests.helm.chart import Object, Values

CASES = [pytest.param(values, id=name) for name, values in chart.cases()]

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
}


def violations(spec: Object) -> Iterator[str]:
    """What the admission of a namespace that enforces 'restricted' would say of this pod."""
    pod = spec.get("securityContext", {})
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume['name']}"
    if not {it["name"] for it in pod.get("sysctls", [])} <= SYSCTLS:
        yield "sysctls"
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for each in spec.get(kind, []):
            yield from (f"{each['name']}: {problem}" for problem in _container(each, pod))


def _container(each: Object, pod: Object) -> Iterator[str]:
    own = each.get("securityContext", {})
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield "runAsUser"
    if (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") not in (
        "RuntimeDefault",
        "Localhost",
    ):
        yield "seccompProfile"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in each.get("ports", [])):
        yield "hostPort"


@pytest.mark.parametrize("values", CASES)
def test_restricted(values: Values) -> None:
    pods = dict(chart.pod_specs(chart.render(values)))
    assert pods
    assert [f"{where}: {problem}" for where, spec in pods.items() for problem in violations(spec)] == []


def _set(*path: Any, to: Any) -> Callable[[Object], None]:
    def change(spec: Object) -> None:
        here: Any = spec
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set("hostNetwork", to=True), "hostNetwork"),
        (_set("volumes", 0, to={"name": "x", "hostPath": {"path": "/"}}), "volume x"),
        (_set("securityContext", "runAsNonRoot", to=False), None),  # the container's own counts
        (_set("securityContext", "runAsUser", to=0), "notifier: runAsUser"),
        (_set("securityContext", "seccompProfile", to={"type": "Unconfined"}), "notifier: seccompProfile"),
        (_set("securityContext", "sysctls", to=[{"name": "kernel.msgmax", "value": "1"}]), "sysctls"),
        (_set("containers", 0, "securityContext", "privileged", to=True), "notifier: privileged"),
        (
            _set("containers", 0, "securityContext", "allowPrivilegeEscalation", to=None),
            "notifier: allowPrivilegeEscalation",
        ),
        (_set("containers", 0, "securityContext", "capabilities", "add", to=["NET_RAW"]), "notifier: capabilities"),
        (_set("containers", 0, "securityContext", "runAsNonRoot", to=False), "notifier: runAsNonRoot"),
        (_set("containers", 0, "securityContext", "procMount", to="Unmasked"), "notifier: procMount"),
        (_set("containers", 0, "ports", 0, "hostPort", to=80), "notifier: hostPort"),
    ],
)
def test_the_standard_is_looked_at(change: Callable[[Object], None], told: str | None) -> None:
    spec = copy.deepcopy(chart.pod_spec(chart.render()))
    change(spec)
    assert list(violations(spec)) == ([told] if told else [])


@pytest.mark.parametrize("values", CASES)
def test_no_more_than_needed(values: Values) -> None:
    """Beyond the standard: nothing to write to but volumes, no token, bounded memory, no service links."""
    objects = chart.render(values)
    for _, spec in chart.pod_specs(objects):
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 10001
        for each in spec["containers"]:
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["resources"]["limits"]["memory"]
            writable = [it["mountPath"] for it in each["volumeMounts"] if not it.get("readOnly")]
            assert set(writable) <= {"/tmp", "/var/lib/order-notifier"}
    for account in (it for it in objects if it["kind"] == "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert not chart.kinds(objects) & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"}
