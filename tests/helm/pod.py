"""A pod as the kubelet makes it: its files, its variables, and Secrets that change while it runs."""

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.helm import chart
from tests.helm.chart import Object

HOME = "/etc/order-notifier"
ENVIRONMENT = {"TRIPS_CLIENT_ID": "a2d4e0d09", "BROKER": "kafka:9092"}


@cache
def certificate() -> tuple[str, str]:
    """A self-signed one and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def content(key: str) -> str:
    """What somebody would put under this key of a Secret."""
    given = {"ca.crt": certificate()[0], "tls.crt": certificate()[0], "tls.key": certificate()[1]}
    return given.get(key) or {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}.get(key, "0123456789abcdef")


class Pod:
    """The files and variables of a container, below a folder in place of /etc/order-notifier.

    `instead` are texts of the configuration that cannot be so on this machine, and what stands there in their place.
    """

    def __init__(
        self, objects: list[Object], folder: Path, spec: Object, each: Object, instead: Mapping[str, str] = {}
    ) -> None:
        self.folder = folder
        volumes = {it["name"]: it for it in spec["volumes"]}
        self.text = chart.one(objects, "ConfigMap", volumes["config"]["configMap"]["name"])["data"]["notifier.yaml"]
        self._text = self.text.replace(HOME, str(folder))
        for old, new in instead.items():
            assert old in self._text
            self._text = self._text.replace(old, new)
        for mount in each["volumeMounts"]:
            if mount["mountPath"].startswith(HOME):
                here = self.here(mount["mountPath"])
                here.mkdir(parents=True)
                project(here, self._files(objects, volumes[mount["name"]], mount["mountPath"]))
        self.env = {it["name"]: it.get("value", ENVIRONMENT.get(it["name"])) for it in each["env"]}
        self.env["POD_NAME"] = f"{chart.workload(objects)['metadata']['name']}-0"

    def here(self, path: str) -> Path:
        return self.folder / path.removeprefix(HOME).lstrip("/")

    def _files(self, objects: list[Object], volume: Object, mount: str) -> dict[str, str]:
        """Path to content; of a whole Secret those that the configuration asks for."""
        if volume["name"] == "config":
            return {"notifier.yaml": self._text}
        if "configMap" in volume:
            data = chart.one(objects, "ConfigMap", volume["configMap"]["name"])["data"]
            return {it["path"]: data[it["key"]] for it in volume["configMap"]["items"]}
        if "items" in volume["secret"]:
            return {it["path"]: content(it["key"]) for it in volume["secret"]["items"]}
        return {key: content(key) for key in re.findall(rf"{re.escape(mount)}/([-._a-zA-Z0-9]+)", self.text)}


_stamps = count()


def project(mount: Path, files: Mapping[str, str]) -> None:
    """As the kubelet writes a volume (pkg/volume/util/atomic_writer.go): all files change at once, behind a link."""
    stamp = mount / f"..2026_11_21_{next(_stamps)}"
    for path, text in files.items():
        (stamp / path).parent.mkdir(parents=True, exist_ok=True)
        (stamp / path).write_text(text)
    data, new = mount / "..data", mount / "..data_tmp"
    before = mount / data.readlink() if data.is_symlink() else None
    new.symlink_to(stamp.name)
    new.rename(data)
    for top in {Path(path).parts[0] for path in files}:
        if not (mount / top).is_symlink():
            (mount / top).symlink_to(Path("..data", top))
    if before is not None:
        shutil.rmtree(before)
