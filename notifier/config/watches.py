"""The body of POST /v1/watches: its shape, and its way into a `Watch`, all problems at once."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, StrictStr, ValidationError, WithJsonSchema

from notifier.config import addresses, messages
from notifier.config.addresses import clean
from notifier.config.text import Where, show
from notifier.errors import InputError, Problem
from notifier.model import Instant, Recipient, Watch
from notifier.sources.base import Model, SourceSettings
from notifier.sources.ids import IdsError, check_ids, order_key, resolve

MAX_RECIPIENTS = 100
MAX_LABELS = 64


def _address(check: Callable[[str], str]) -> Any:
    return AfterValidator(lambda text: check(clean(text)))


LabelName = Annotated[StrictStr, Field(min_length=1, max_length=128), AfterValidator(clean)]
LabelText = Annotated[StrictStr, Field(max_length=1024), AfterValidator(clean)]


class RecipientBody(Model):
    """Whom to tell. At least one address; a sink uses the kind that it sends to."""

    email: Annotated[StrictStr, _address(addresses.email)] | None = Field(
        default=None, description="One plain address, `name@example.org`."
    )
    phone: Annotated[StrictStr, _address(addresses.phone)] | None = Field(
        default=None, description="E.164 after spaces, dashes and brackets are dropped: `+79120995513`."
    )
    webhook: Annotated[StrictStr, _address(addresses.webhook)] | None = Field(
        default=None, description="http or https; the sink decides at sending whether it may go there."
    )
    locale: Annotated[StrictStr, _address(addresses.locale)] = Field(default="en", description="BCP 47.")
    timezone: Annotated[StrictStr, _address(addresses.timezone)] | None = Field(
        default=None, description="An IANA name; by default the source's."
    )

    def recipient(self) -> Recipient:
        return Recipient(**self.model_dump())


class WatchBody(Model):
    """'Follow this order.'"""

    source: StrictStr = Field(description="The name of a configured source.")
    ids: Mapping[StrictStr, Annotated[Any, WithJsonSchema({"type": ["string", "integer"]})]] = Field(
        description="`order_id`, and the account's id where it is not the source's; 1 to 128 characters each."
    )
    recipients: tuple[RecipientBody, ...] = Field(default=(), max_length=MAX_RECIPIENTS)
    labels: Annotated[Mapping[LabelName, LabelText], Field(max_length=MAX_LABELS)] = {}

    def plain(self) -> dict[str, Any]:
        """What was given, in one form for equal contents: JSON values, ids as texts."""
        return self.model_dump(exclude_unset=True, mode="json") | {"ids": {k: str(v) for k, v in self.ids.items()}}


if TYPE_CHECKING:
    WatchField = Mapping[str, Any]
else:
    WatchField = Annotated[WatchBody, AfterValidator(lambda body: body.plain())]


def parse_watch(body: object, sources: Mapping[str, SourceSettings], now: Instant) -> Watch:
    """A watch with its key and its account resolved, created now.

    InputError with every problem, each with its path in the body (`recipients[0].email`).
    """
    watch, found = examine(body, sources, now)
    if watch is None:
        raise InputError([Problem(show(where), message) for where, message in found])
    return watch


def examine(
    body: object, sources: Mapping[str, SourceSettings], now: Instant
) -> tuple[Watch | None, list[tuple[Where, str]]]:
    """The watch, or None and everything that is wrong with the body."""
    if not isinstance(body, Mapping):
        return None, [((), 'must be an object, as in {"source": "trips", "ids": {"order_id": "1"}}')]
    found: list[tuple[Where, str]] = []
    parsed: WatchBody | None = None
    try:
        parsed = WatchBody.model_validate(body)
    except ValidationError as error:
        found += messages.found(error, body, WatchBody)
    found += _without_address(body.get("recipients"))
    key, ids, wrong = _target(body, sources, {where[0] for where, _ in found if where})
    found += wrong
    if found or parsed is None:
        return None, found
    watch = Watch(
        key=key,
        source=parsed.source,
        ids=ids,
        recipients=tuple(recipient.recipient() for recipient in parsed.recipients),
        labels=dict(parsed.labels),
        created_at=now,
        updated_at=now,
    )
    return watch, []


def _without_address(recipients: object) -> list[tuple[Where, str]]:
    """Recipients that nobody could tell anything."""
    if not isinstance(recipients, list | tuple):
        return []
    return [
        (("recipients", number), "has no address: give email, phone or webhook")
        for number, recipient in enumerate(recipients)
        if isinstance(recipient, Mapping) and not any(recipient.get(kind) for kind in ("email", "phone", "webhook"))
    ]


def _target(
    body: Mapping[str, Any], sources: Mapping[str, SourceSettings], wrong: Collection[str | int]
) -> tuple[str, Mapping[str, str], list[tuple[Where, str]]]:
    """The order key and the resolved ids, or what is against them; `wrong` are keys that have problems already."""
    name, ids = body.get("source"), body.get("ids")
    if not isinstance(name, str) or "source" in wrong:
        return "", {}, []
    settings = sources.get(name)
    if settings is None:
        return "", {}, [(("source",), messages.unknown("source", name, sources))]
    if not isinstance(ids, Mapping) or "ids" in wrong:
        return "", {}, []
    try:
        checked = check_ids(settings, ids)
        return order_key(name, settings, checked), resolve(settings, checked), []
    except IdsError as error:
        return "", {}, [(("ids", problem.path), problem.message) for problem in error.problems]
