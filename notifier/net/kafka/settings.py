"""Where the brokers are, and how a client shows who it is; all of it checked when the configuration is read."""

import re
import ssl
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.fields import Secret
from notifier.net import checks
from notifier.net.settings import Model, OAuth2

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
MECHANISMS = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"

_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka: org.apache.kafka.common.internals.Topic


def server(text: str) -> str:
    """host:port, an IPv6 address in brackets."""
    found = _SERVER.fullmatch(text)
    if found is None or not 0 < int(found[1]) < 65_536:
        raise ValueError("is not host:port: write one broker an entry, as in kafka:9092 or [::1]:9092")
    return text


def topic(name: str) -> str:
    if _TOPIC.fullmatch(name) is None or name in (".", ".."):
        raise ValueError("is no name of a topic: use 1 to 249 letters, digits, `.`, `_` and `-`")
    return name


BootstrapServers = Annotated[tuple[Annotated[str, AfterValidator(server)], ...], Field(min_length=1)]
TopicName = Annotated[str, AfterValidator(topic)]


def _password(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: put a value there")
    if checks.has_control(text):
        raise ValueError("has a line break or another control character: give the value alone")
    return text


class KafkaSecurity(Model):
    """TLS by a protocol in SSL; a login by one that begins with SASL. Files are read again for each new connection."""

    # In the order in which each is checked against those before it.
    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = Field(default=None, validate_default=True)
    username: str | None = Field(default=None, validate_default=True)
    password_file: str | None = None
    password: str | None = Field(default=None, repr=False, validate_default=True)
    oauth2: OAuth2 | None = Field(default=None, validate_default=True)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password_file: str | None = None
    key_password: str | None = Field(default=None, repr=False, validate_default=True)

    _secret: Secret = PrivateAttr(default_factory=Secret)
    _key_secret: Secret | None = PrivateAttr(default=None)

    @property
    def encrypted(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def secret(self) -> Secret:
        """The password, read again when its file changes."""
        return self._secret

    def tls(self) -> ssl.SSLContext | None:
        """From the files as they are now. OSError (ssl.SSLError is one) where they cannot be used any more."""
        if not self.encrypted:
            return None
        key_password = self._key_secret.get() if self._key_secret else None
        return tls_context(self.ca_file, self.cert_file, self.key_file, key_password)

    # --- checks --------------------------------------------------------------------------------------------------

    @field_validator("mechanism")
    @classmethod
    def _goes_with_protocol(cls, mechanism: str | None, info: ValidationInfo) -> str | None:
        protocol = info.data.get("protocol")
        if protocol is not None and protocol.startswith("SASL") and mechanism is None:
            raise ValueError(f"is missing: with {protocol} give one of {MECHANISMS}")
        if protocol in ("PLAINTEXT", "SSL") and mechanism is not None:
            raise ValueError(f"needs protocol SASL_SSL or SASL_PLAINTEXT: {protocol} knows no login")
        return mechanism

    @field_validator("username")
    @classmethod
    def _has_a_user(cls, username: str | None, info: ValidationInfo) -> str | None:
        _needed(username, info, with_password=True)
        return username

    @field_validator("password_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        if path is not None:
            checks.secret_file(path, _password)
        return path

    @field_validator("password")
    @classmethod
    def _is_one_password(cls, password: str | None, info: ValidationInfo) -> str | None:
        if password is not None:
            _password(password)
        if "password_file" in info.data:
            file = info.data["password_file"]
            if file is not None and password is not None:
                raise ValueError("is one too many: give password or password_file, not both")
            _needed(password or file, info, with_password=True, also=" or password_file")
        return password

    @field_validator("oauth2")
    @classmethod
    def _has_a_token_url(cls, oauth2: OAuth2 | None, info: ValidationInfo) -> OAuth2 | None:
        _needed(oauth2, info, with_password=False)
        return oauth2

    @field_validator("ca_file", "cert_file", "key_file", "key_password_file")
    @classmethod
    def _is_a_file(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path is None:
            return None
        protocol = info.data.get("protocol")
        if protocol is not None and not protocol.endswith("SSL"):
            raise ValueError(f"needs protocol SSL or SASL_SSL: {protocol} has no TLS")
        with checks.reading(path):
            Path(path).read_bytes()
        if info.field_name == "ca_file":
            _loads(path)
        return path

    @field_validator("key_password")
    @classmethod
    def _key_fits(cls, key_password: str | None, info: ValidationInfo) -> str | None:
        """The last of the files' keys: sees them all."""
        given = info.data
        if key_password is not None and given.get("key_password_file") is not None:
            raise ValueError("is one too many: give key_password or key_password_file, not both")
        if given.get("key_file") is not None and given.get("cert_file", "") is None:
            raise ValueError("key_file needs cert_file, the certificate that goes with it")
        if given.get("cert_file") is not None and {"key_file", "key_password_file"} <= set(given):
            locked = given["key_password_file"]
            password = checks.secret_file(locked, _password).get() if locked else key_password
            _pair_fits(given["cert_file"], given["key_file"], password)
        return key_password

    @model_validator(mode="after")
    def _keep_secrets(self) -> "KafkaSecurity":
        if self.password_file is not None:
            self._secret = checks.secret_file(self.password_file, _password)
        elif self.password is not None:
            self._secret = Secret(self.password)
        if self.key_password_file is not None:
            self._key_secret = checks.secret_file(self.key_password_file, _password)
        elif self.key_password is not None:
            self._key_secret = Secret(self.key_password)
        return self


def tls_context(ca: str | None, certificate: str | None, key: str | None, password: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password if password is not None else "")
    return context


def _needed(value: object, info: ValidationInfo, *, with_password: bool, also: str = "") -> None:
    """That it is given where the mechanism needs it, and only there."""
    mechanism = info.data.get("mechanism")
    if "mechanism" not in info.data:
        return
    wanted = mechanism is not None and (mechanism != "OAUTHBEARER") == with_password
    if wanted and not value:
        raise ValueError(f"is missing: {mechanism} needs {info.field_name}{also}")
    if not wanted and value is not None:
        raise ValueError(f"does not go with {mechanism}" if mechanism else "needs a mechanism, as in SCRAM-SHA-512")


def _loads(ca_file: str) -> None:
    try:
        tls_context(ca_file, None, None, None)
    except (ssl.SSLError, OSError):
        raise ValueError(f"{ca_file} holds no certificate in PEM: begin it with -----BEGIN CERTIFICATE-----") from None


def _pair_fits(certificate: str, key: str | None, password: str | None) -> None:
    files = f"{certificate} and {key}" if key else certificate
    try:
        tls_context(None, certificate, key, password)
    except (ssl.SSLError, OSError):
        said = "key_password does not open it" if password else "it may be locked: then give key_password_file"
        raise ValueError(
            f"{files} cannot be used: they must be PEM, a certificate and the key that fits it ({said})"
        ) from None
