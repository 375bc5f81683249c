"""A certificate authority of a cluster's own, with what its brokers and its clients show."""

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SINCE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_UNTIL = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)

KEY_PASSWORD = "key-passw0rd"


class Certificates(NamedTuple):
    """PEM files. `client_key` is not encrypted, `locked_client_key` is, by KEY_PASSWORD."""

    ca: Path
    broker: Path  # key and certificate, as Kafka wants them
    client_certificate: Path
    client_key: Path
    locked_client_key: Path


def certificates(folder: Path) -> Certificates:
    folder.mkdir(exist_ok=True)
    ca_key, ca = _issue("test authority", None, None)
    broker_key, broker = _issue("localhost", ca_key, ca)
    client_key, client = _issue("client", ca_key, ca)
    made = Certificates(*(folder / f"{name}.pem" for name in Certificates._fields))
    made.ca.write_bytes(_pem(ca))
    made.broker.write_bytes(_key(broker_key) + _pem(broker))
    made.client_certificate.write_bytes(_pem(client))
    made.client_key.write_bytes(_key(client_key))
    made.locked_client_key.write_bytes(_key(client_key, KEY_PASSWORD))
    return made


def _issue(
    name: str, issuer_key: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Signed by the issuer; without one, an authority signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer_key or key
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return key, certificate


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    locking: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        locking = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locking)
