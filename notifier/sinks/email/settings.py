"""The settings of an email sink (INTERFACE, 'Sink keys'): a mail server, how it is reached, and who writes."""

import re
import ssl
from email.headerregistry import Address as Mailbox
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.addresses import email
from notifier.fields import Secret
from notifier.net.checks import is_loopback
from notifier.sinks import secrets
from notifier.sinks.base import Address, SinkSettings

Tls: TypeAlias = Literal["none", "starttls", "implicit"]

PORTS: dict[Tls, int] = {"none": 25, "starttls": 587, "implicit": 465}  # RFC 5321; RFC 6409; RFC 8314
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}")
_SENDER = re.compile(r"""(?:"(?=[^"]*"\s*<))?(?P<name>[^"<>@]*)"?\s*<(?P<named>[^<>\s]+)>|(?P<alone>[^<>\s]+)""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class EmailSettings(SinkSettings):
    """`tls` is `starttls`, unless the host is loopback (none) or the port 465 (implicit)."""

    people: ClassVar[bool] = True
    address: ClassVar[Address | None] = "email"

    type: Literal["email"]
    host: str
    port: int | None = Field(default=None, ge=1, le=65_535)
    starttls: bool | None = None
    tls: Tls | None = Field(default=None, validate_default=True)
    ca_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    password: str | None = Field(default=None, repr=False, validate_default=True)
    sender: str
    connections: int = Field(default=4, ge=1, le=100)

    _password: Secret = PrivateAttr()

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str) -> str:
        if _HOST.fullmatch(host) is None:
            raise ValueError("is not the name of a host: write it as smtp.example.org, the port apart from it")
        return host

    @field_validator("tls")
    @classmethod
    def _is_safe(cls, tls: Tls | None, info: ValidationInfo) -> Tls | None:
        host, starttls = info.data.get("host"), info.data.get("starttls")
        if tls is not None and starttls is not None and starttls != (tls == "starttls"):
            raise ValueError("contradicts starttls: leave one of the two out")
        plain = tls == "none" or (tls is None and starttls is False and info.data.get("port") != PORTS["implicit"])
        if plain and host is not None and not is_loopback(host):
            raise ValueError("must be starttls or implicit: only to loopback do mails travel unencrypted")
        return tls

    @field_validator("ca_file")
    @classmethod
    def _is_authority(cls, path: str | None) -> str | None:
        if path is not None:
            try:
                ssl.create_default_context(cafile=path)
            except ssl.SSLError:
                raise ValueError(f"{path} holds no certificate in PEM form") from None
            except OSError as error:
                raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        return path

    @field_validator("username")
    @classmethod
    def _is_name(cls, username: str | None) -> str | None:
        if username is not None and (not username or _CONTROL.search(username)):
            raise ValueError("is empty, or holds a control character: write it as the mail server knows it")
        return username

    @field_validator("password_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        return secrets.readable(path)

    @field_validator("password")
    @classmethod
    def _is_one_secret(cls, password: str | None, info: ValidationInfo) -> str | None:
        named = info.data.get("username") is not None
        secrets.one(password, info, needed=named)
        if not named and "username" in info.data and (password or info.data.get("password_file")):
            raise ValueError("needs a username: give both, or neither")
        return password

    @field_validator("sender")
    @classmethod
    def _is_sender(cls, sender: str) -> str:
        mailbox(sender)
        return sender

    @model_validator(mode="after")
    def _keep_password(self) -> "EmailSettings":
        self._password = secrets.kept(self, "password")
        return self

    @property
    def at_once(self) -> int:
        return self.connections

    @property
    def secret(self) -> Secret:
        """The password, read again when its file changes."""
        return self._password

    @property
    def private(self) -> tuple[str, ...]:
        """What no words of the server may show."""
        username, password = self.username or "", self.secret.get()
        return username, password, f"\0{username}\0{password}"  # the last is what AUTH PLAIN sends

    @property
    def encryption(self) -> Tls:
        if self.tls is not None:
            return self.tls
        if self.starttls:
            return "starttls"
        if self.port == PORTS["implicit"]:
            return "implicit"
        return "none" if self.starttls is False or is_loopback(self.host) else "starttls"

    @property
    def server_port(self) -> int:
        return self.port or PORTS[self.encryption]

    @property
    def mailbox(self) -> Mailbox:
        return mailbox(self.sender)


def mailbox(sender: str) -> Mailbox:
    """'Rides <rides@example.org>', or the address alone. A comma in the name is a comma."""
    match = _SENDER.fullmatch(sender.strip())
    try:
        if match is None or _CONTROL.search(sender):
            raise ValueError
        return Mailbox((match["name"] or "").strip(), addr_spec=email(match["named"] or match["alone"]))
    except ValueError:
        raise ValueError("is not one sender: write it as Rides <rides@example.org>") from None
