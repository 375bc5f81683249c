"""Messages of made-up facts, and what a mail's HTML is made of."""

from html.parser import HTMLParser
from typing import Any

from msgspec.structs import replace

from notifier.rendering import samples
from notifier.rendering.render import DIGEST, GROUP, Kind, Part, Rendered, Templates
from notifier.routing.facts import Facts

BUILT_IN = Templates(samples.ORIGINS)
MINUTE = 60_000


def say(facts: Facts, template: str, kind: Kind = "email", templates: Templates = BUILT_IN) -> Rendered:
    return templates.render([Part(facts, template)], kind)


def sample(template: str, locale: str, kind: Kind, bare: bool = False) -> Rendered:
    """Any template, those of several events included."""
    if template not in (GROUP, DIGEST):
        return say(samples.facts(template, locale, bare=bare), template, kind)
    begin = samples.AT - 10 * MINUTE
    names = ("driver_changed", "phase_changed", "driver_arrived")
    parts = [
        Part(samples.facts(each, locale, bare=bare, at=begin + at * 5 * MINUTE), each) for at, each in enumerate(names)
    ]
    other = replace(parts[0].facts, key="parcels/4711", source="parcels")
    if template == DIGEST:
        parts.append(Part(other, "driver_changed"))
    return BUILT_IN.render(parts, kind, digest=template == DIGEST)


class Shape(HTMLParser):
    """Tags and names of attributes, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self._hidden = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src", "background", "action")]
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data
