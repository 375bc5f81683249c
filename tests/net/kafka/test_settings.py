"""How the brokers are reached, as it is written: everything wrong at once, each with its path."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from notifier.config.load import load
from notifier.errors import ConfigError
from notifier.net.kafka.settings import KafkaSecurity
from tests.kafka.certificates import KEY_PASSWORD, Certificates, certificates

OAUTH2 = {"token_url": "https://id.example.org/token", "client_id": "us", "client_secret": "s3cret"}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls") / "pem")


def problems(tmp_path: Path, security: str, servers: str = '["kafka:9092"]') -> dict[str, str]:
    path = tmp_path / "notifier.yaml"
    path.write_text(f"backend: {{type: kafka, bootstrap_servers: {servers}, security: {security}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    found = dict(caught.value.problems)
    return {where.removeprefix("backend.security."): said.rpartition(" (line")[0] for where, said in found.items()}


@pytest.mark.parametrize(
    ("security", "where", "words"),
    [
        ("{protocol: SASL_SSL}", "mechanism", "is missing: with SASL_SSL give one of PLAIN, SCRAM-SHA-256"),
        ("{protocol: SSL, mechanism: PLAIN}", "mechanism", "needs protocol SASL_SSL or SASL_PLAINTEXT"),
        ("{protocol: SASL_SSL, mechanism: GSSAPI}", "mechanism", "unknown value 'GSSAPI'"),
        ("{protocol: TLS}", "protocol", "unknown value 'TLS'"),
        ("{protocol: SASL_SSL, mechanism: PLAIN, password: p}", "username", "is missing: PLAIN needs username"),
        (
            "{protocol: SASL_SSL, mechanism: SCRAM-SHA-512, username: u}",
            "password",
            "is missing: SCRAM-SHA-512 needs password or password_file",
        ),
        (
            "{protocol: SASL_SSL, mechanism: PLAIN, username: u, password_file: /nowhere/p}",
            "password_file",
            "/nowhere/p does not exist",
        ),
        ("{protocol: SASL_SSL, mechanism: OAUTHBEARER}", "oauth2", "is missing: OAUTHBEARER needs oauth2"),
        (
            "{protocol: SASL_SSL, mechanism: OAUTHBEARER, username: u, oauth2: {token_url: 'https://i.example/t', "
            "client_id: c, client_secret: s}}",
            "username",
            "does not go with OAUTHBEARER",
        ),
        ("{username: u}", "username", "needs a mechanism"),
        ("{ca_file: ca.pem}", "ca_file", "needs protocol SSL or SASL_SSL"),
        ("{protocol: SSL, ca_file: /nowhere/ca.pem}", "ca_file", "/nowhere/ca.pem does not exist"),
        ("{protocol: SSL, cafile: ca.pem}", "cafile", "unknown key 'cafile': did you mean ca_file?"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(tmp_path: Path, security: str, where: str, words: str) -> None:
    assert words in problems(tmp_path, security)[where]


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "{protocol: SASL_SSL, mechanism: PLAIN, ca_file: /nowhere}", '["kafka"]')

    assert {"username", "password", "ca_file", "backend.bootstrap_servers[0]"} <= set(found)
    assert found["backend.bootstrap_servers[0]"].startswith("is not host:port")


@pytest.mark.parametrize(
    "server", ["kafka", "kafka:0", "kafka:70000", "kafka:9092,b:9092", "https://kafka:9092", "::1"]
)
def test_a_broker_is_a_host_and_a_port(tmp_path: Path, server: str) -> None:
    assert "is not host:port" in next(iter(problems(tmp_path, "{}", f'["{server}"]').values()))


def test_a_password_is_given_once_and_shown_never(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("s3cret\n")
    both = f"{{protocol: SASL_SSL, mechanism: PLAIN, username: u, password: pa55, password_file: {tmp_path / 'p'}}}"

    assert problems(tmp_path, both)["password"].startswith("is one too many")
    security = KafkaSecurity(protocol="SASL_SSL", mechanism="PLAIN", username="u", password="pa55")
    assert "pa55" not in repr(security)


def test_a_password_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("first\n")
    security = KafkaSecurity(protocol="SASL_SSL", mechanism="PLAIN", username="u", password_file=str(file))
    assert security.secret.get() == "first"

    file.write_text("the second\n")
    assert security.secret.get() == "the second"


def test_certificates_are_tried_when_the_configuration_is_read(tmp_path: Path, pem: Certificates) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    assert (
        "holds no certificate in PEM"
        in problems(tmp_path, f"{{protocol: SSL, ca_file: {tmp_path / 'no.pem'}}}")["ca_file"]
    )
    for pair in (
        {"cert_file": pem.client_certificate, "key_file": pem.broker},
        {"cert_file": pem.client_certificate, "key_file": pem.locked_client_key},
        {"cert_file": pem.client_certificate, "key_file": pem.locked_client_key, "key_password": "wr0ng"},
        {"cert_file": pem.client_certificate},
    ):
        inside = ", ".join(f"{key}: {value}" for key, value in pair.items())
        said = problems(tmp_path, f"{{protocol: SSL, {inside}}}")["key_password"]
        assert "must be PEM, a certificate and the key that fits it" in said
        assert "wr0ng" not in said
    assert "needs cert_file" in problems(tmp_path, f"{{protocol: SSL, key_file: {pem.client_key}}}")["key_password"]


@pytest.mark.parametrize("locked", [False, True])
def test_a_client_certificate_is_loaded(tmp_path: Path, pem: Certificates, locked: bool) -> None:
    (tmp_path / "word").write_text(KEY_PASSWORD)
    key: dict[str, Any] = {"key_file": str(pem.client_key)}
    if locked:
        key = {"key_file": str(pem.locked_client_key), "key_password_file": str(tmp_path / "word")}
    security = KafkaSecurity(protocol="SSL", ca_file=str(pem.ca), cert_file=str(pem.client_certificate), **key)

    context = security.tls()
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


def test_without_tls_there_is_no_context() -> None:
    assert KafkaSecurity().tls() is None
    KafkaSecurity.model_validate({"protocol": "SASL_PLAINTEXT", "mechanism": "OAUTHBEARER", "oauth2": OAUTH2})
