"""The sections of a configuration other than sources, sinks and rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from notifier.config import templates
from notifier.config.limits import Caps, QuietHours, Rate, parse_day, parse_rate, parse_time
from notifier.fields import Duration
from notifier.net.kafka.settings import BootstrapServers, KafkaSecurity, TopicName
from notifier.sources.base import Model


class SqliteSettings(Model):
    """Everything durable in one file; its folder is created."""

    type: Literal["sqlite"]
    path: str = Field(default="var/notifier.db", min_length=1)


class KafkaSettings(Model):
    """Any number of equal replicas that share the work through Kafka."""

    type: Literal["kafka"]
    bootstrap_servers: BootstrapServers
    topic_prefix: Annotated[TopicName, Field(max_length=200)] = "notifier"
    partitions: int = Field(default=12, ge=1, le=10_000)
    replication_factor: int = Field(default=3, ge=1, le=32_767)
    security: KafkaSecurity = KafkaSecurity()
    group_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Of the consumer group; by default the topic_prefix."
    )
    instance_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Makes a static member, which keeps its shards over a restart; each replica needs its own, "
        "as `${HOSTNAME}` is in a StatefulSet.",
    )
    session_timeout: Duration = Field(
        default=10_000, ge=1_000, description="Others take the shards of a replica that was not heard of for so long."
    )
    transaction_timeout: Duration = Field(
        default=10_000, ge=1_000, le=900_000, description="A commit that takes longer is given up."
    )


class ApiSettings(Model):
    """Where the HTTP API listens. Port 0 takes a free one. Without a token file it serves loopback only."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65535)
    token_file: str | None = None


def _read(folder: str) -> Mapping[str, str]:
    return templates.read(Path(folder))


if TYPE_CHECKING:
    FolderField = Mapping[str, str]
else:
    FolderField = Annotated[str, Field(min_length=1), AfterValidator(_read)]


class TemplatesSettings(Model):
    """Messages of one's own: files in `folder` take the place of the built-in ones (docs/messages.md)."""

    # After validation: the files' texts by their names, as they were then.

    folder: FolderField | None = None

    @property
    def files(self) -> Mapping[str, str]:
        return self.folder or {}


class LogSettings(Model):
    """Logs go to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class LocationSettings(Model):
    """A performer who moved at least so many metres is an event."""

    least_distance: float = Field(default=100, ge=0, allow_inf_nan=False)


def _off(value: object) -> object:
    return None if value is False or value == "off" else value


class EventsSettings(Model):
    """What events hold, and which there are."""

    personal_data: bool = False
    backlog: bool = False
    location: Annotated[
        LocationSettings | None,
        BeforeValidator(_off, json_schema_input_type=LocationSettings | Literal["off", False] | None),
    ] = None


Time = Annotated[
    int,
    BeforeValidator(
        parse_time, json_schema_input_type=Annotated[str, Field(pattern=r"^\s*([01]?[0-9]|2[0-3]):[0-5][0-9]\s*$")]
    ),
]
Day = Annotated[int, BeforeValidator(parse_day, json_schema_input_type=str)]
Limit = Annotated[
    Rate,
    BeforeValidator(
        parse_rate,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\s*[1-9][0-9]{0,8}\s*/\s*(s|m|h|d)\s*$")],
    ),
]


class QuietSettings(Model):
    """Messages to people wait, in the recipient's time zone, unless their rule is critical."""

    from_: Time = Field(alias="from")
    to: Time
    days: Annotated[tuple[Day, ...], Field(min_length=1)] | None = None

    def hours(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError("begins and ends at the same time: give two times, or leave it out")
        return QuietHours(start=self.from_, end=self.to, days=frozenset(self.days or range(7)))


class CapsSettings(Model):
    """How many messages to people, at most."""

    recipient: Limit | None = None
    all: Limit | None = None

    def caps(self) -> Caps:
        return Caps(recipient=self.recipient, all=self.all)


if TYPE_CHECKING:
    QuietField = QuietHours
    CapsField = Caps
else:
    QuietField = Annotated[QuietSettings, AfterValidator(lambda settings: settings.hours())]
    CapsField = Annotated[CapsSettings, AfterValidator(lambda settings: settings.caps())]
