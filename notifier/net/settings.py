"""Settings that several adapters share."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from notifier.fields import Secret
from notifier.net import checks


class Model(BaseModel):
    """Base of the settings models: unknown keys are errors, values stay out of the messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class OAuth2(Model):
    """Client credentials (RFC 6749, 4.4); the client goes by HTTP Basic."""

    token_url: Annotated[str, AfterValidator(checks.token_url)]
    client_id: Annotated[str, AfterValidator(checks.secret)]
    client_secret_file: str | None = None
    client_secret: str | None = Field(default=None, repr=False, validate_default=True)
    scope: Annotated[str, AfterValidator(checks.header_value)] | None = None

    _secret: Secret = PrivateAttr(default_factory=Secret)

    @field_validator("client_secret_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        if path is not None:
            checks.secret_file(path)
        return path

    @field_validator("client_secret")
    @classmethod
    def _is_one_secret(cls, value: str | None, info: ValidationInfo) -> str | None:
        given = value is not None, info.data.get("client_secret_file", "") is not None
        if given == (True, True) and "client_secret_file" in info.data:
            raise ValueError("is one too many: give client_secret or client_secret_file, not both")
        if given == (False, False):
            raise ValueError("is missing: give client_secret or client_secret_file")
        return value if value is None else checks.secret(value)

    @model_validator(mode="after")
    def _keep_secret(self) -> "OAuth2":
        given = self.client_secret_file
        self._secret = checks.secret_file(given) if given is not None else Secret(self.client_secret or "")
        return self

    @property
    def secret(self) -> Secret:
        """The client's secret, read again when its file changes."""
        return self._secret
