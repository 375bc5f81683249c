"""What a message says: rendered from its deliveries' facts."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from notifier.model import DIGEST, Delivery
from notifier.rendering.render import Part, TemplateError, Templates
from notifier.routing import facts
from notifier.service.runtime import Way

log = structlog.get_logger()

CHATS = "en"  # the language of a webhook's {text}: who reads it there is not known


class Words(NamedTuple):
    """As `sinks.base.Message` has them, in its order."""

    subject: str = ""
    text: str = ""
    html: str = ""


NONE = Words()


class Found(NamedTuple):
    """The words of one message that tells `said`, None if nothing can be told; `speechless` are the others."""

    words: Words | None
    said: Sequence[Delivery]
    speechless: Sequence[Delivery] = ()


def find(way: Way, deliveries: Sequence[Delivery], templates: Templates) -> Found:
    """One message of all of them; one that has no words of its own does not silence the others."""
    if not way.sink.people:
        # It carries the event; only a body of one's own that asks for {text} is given words.
        return Found(_public(deliveries[0], templates) if way.settings.wants_text else NONE, deliveries)
    if (words := _words(way, deliveries, templates)) is not None:
        return Found(words, deliveries)
    alone = {each.id: len(deliveries) > 1 and _words(way, [each], templates) is not None for each in deliveries}
    said = [each for each in deliveries if alone[each.id]]
    words = _words(way, said, templates) if said else None
    if words is None:
        return Found(None, (), deliveries)
    return Found(words, said, [each for each in deliveries if not alone[each.id]])


def _words(way: Way, deliveries: Sequence[Delivery], templates: Templates) -> Words | None:
    parts = [_part(each) for each in deliveries]
    digest = deliveries[0].group == DIGEST and len(parts) > 1
    try:
        return Words(*templates.render(parts, "sms" if way.sink.address == "phone" else "email", digest=digest))
    except TemplateError as error:
        log.error("template_failed", sink=way.name, template=deliveries[0].template, error=str(error))
    except Exception as error:
        # A fault of ours, in the words of this message alone: it is given up like one with a bad template.
        log.exception("template_broken", sink=way.name, template=deliveries[0].template, error=type(error).__name__)
    return None


def _part(delivery: Delivery) -> Part:
    """Those of a former release that were given up have lost their facts: they tell what is public."""
    told = facts.published(delivery.event) if delivery.facts is None else facts.unpack(delivery.facts)
    return Part(told, delivery.template or told.type)


def _public(delivery: Delivery, templates: Templates) -> Words:
    """From what left the house with the event. Nothing where there is no template: the sink then has words itself."""
    told = facts.published(delivery.event)
    try:
        part = Part(told, delivery.template or told.type)
        return Words(text=templates.render([part], "sms", locale=CHATS).text)
    except TemplateError:
        return NONE
