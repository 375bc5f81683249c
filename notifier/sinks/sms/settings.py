"""What the settings of all SMS gateways share (INTERFACE, 'Sink keys')."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from notifier.net.checks import address
from notifier.sinks.base import Address, SinkSettings


class Daily(BaseModel):
    """Segments within 24 hours, at most: to one recipient, and in all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipient: int | None = Field(default=None, ge=1)
    all: int | None = Field(default=None, ge=1)


class SmsSettings(SinkSettings):
    """`segments` is the most that one message may take: a longer text is shortened."""

    people: ClassVar[bool] = True
    address: ClassVar[Address | None] = "phone"
    default_base_url: ClassVar[str | None] = None

    type: Literal["sms"]
    base_url: str | None = None
    segments: int = Field(default=3, ge=1, le=10)
    daily: Daily | None = None

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        return None if text is None else address(text).rstrip("/")

    @model_validator(mode="after")
    def _is_room_for_one(self) -> "SmsSettings":
        limits = (self.daily.recipient, self.daily.all) if self.daily else ()
        if any(limit is not None and limit < self.segments for limit in limits):
            raise ValueError(
                f"daily has no room for one message of {self.segments} segments: raise it, or lower segments"
            )
        return self

    @property
    def root(self) -> str:
        """What precedes the gateway's documented path."""
        return self.base_url or self.default_base_url or ""
