"""What no single section can see: names that must exist, addresses that a sink must have, files that must be there.

All of it looks at the values as they stand in the file, so that an error in one place hides none in another.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeAlias

from notifier.config import addresses, behind, messages
from notifier.config.rules import TEMPLATES
from notifier.config.text import Where
from notifier.config.tokens import read_tokens
from notifier.config.watches import examine
from notifier.rendering import files
from notifier.rendering.check import examine as examine_templates
from notifier.sinks.base import Address, SinkSettings
from notifier.sources.base import SourceSettings

Found: TypeAlias = Iterator[tuple[Where, str]]

SECRETS = frozenset({"token", "secret", "password", "client_secret", "api_secret", "auth_token"})
SECRETS |= {f"{name}_file" for name in SECRETS}

_IN_LINE = re.compile(r"line ([0-9]+): ")

_ADDRESSES: Mapping[Address, Callable[[str], str]] = {
    "email": addresses.email,
    "phone": addresses.phone,
    "webhook": addresses.webhook,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The file's values, and those of its sources and sinks that are valid by themselves."""

    values: Mapping[str, Any]
    sources: Mapping[str, SourceSettings]
    sinks: Mapping[str, SinkSettings]
    templates: Mapping[str, str] = field(default_factory=dict)

    def names(self, section: str) -> Collection[str]:
        named = self.values.get(section)
        return named if isinstance(named, Mapping) else ()

    def entries(self, section: str) -> Iterator[tuple[int, Any]]:
        entries = self.values.get(section)
        return enumerate(entries if isinstance(entries, list) else ())


def everything(draft: Draft) -> Found:
    yield from _api(draft.values.get("api"))
    yield from _empty_secrets(draft.values)
    yield from templates(draft)
    yield from _rules(draft)
    yield from _watches(draft)


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_kafka(backend: object) -> bool:
    return isinstance(backend, Mapping) and backend.get("type") == "kafka"


def _empty_secrets(values: Mapping[str, Any]) -> Found:
    def search(here: object, where: Where) -> Found:
        if isinstance(here, Mapping):
            for key, value in here.items():
                if key in SECRETS and (value is None or (isinstance(value, str) and not value.strip())):
                    yield (*where, key), "is empty: give it a value, or leave the key out"
                else:
                    yield from search(value, (*where, key))

    yield from search(values.get("sources"), ("sources",))
    yield from search(values.get("sinks"), ("sinks",))


def _api(api: object) -> Found:
    if not isinstance(api, Mapping):
        return
    host, file = api.get("host"), api.get("token_file")
    if file is None:
        if isinstance(host, str) and not is_loopback(host):
            advice = f"is missing: {host} is not loopback, so name a file with one token a line"
            yield ("api", "token_file"), advice
    elif isinstance(file, str):
        try:
            read_tokens(Path(file))
        except ValueError as error:
            yield ("api", "token_file"), str(error)


def templates(draft: Draft) -> Found:
    """Each file with something wrong is told of by itself."""
    if (folder := _folder(draft)) is not None:
        for name, problem in examine_templates(draft.templates):
            line = _IN_LINE.match(problem)
            place, said = (f"{name}:{line[1]}", problem[line.end() :]) if line else (name, problem)
            yield ("templates", "folder", f"{folder}/{place}"), said


def _folder(draft: Draft) -> str | None:
    section = draft.values.get("templates")
    folder = section.get("folder") if isinstance(section, Mapping) else None
    return folder if isinstance(folder, str) else None


def _rules(draft: Draft) -> Found:
    first: dict[str, int] = {}
    for number, rule in draft.entries("rules"):
        if not isinstance(rule, Mapping):
            continue
        name, when, sends = rule.get("name"), rule.get("when"), rule.get("send")
        if isinstance(name, str) and first.setdefault(name, number) != number:
            yield ("rules", number, "name"), f"is the name of rules[{first[name]}] too: give each rule its own"
        if isinstance(when, Mapping):
            yield from _sources(draft, when.get("source"), ("rules", number, "when", "source"))
        for at, send in enumerate(sends if isinstance(sends, list) else ()):
            if isinstance(send, Mapping) and isinstance(send.get("sink"), str):
                yield from _send(draft, send["sink"], send.get("to"), ("rules", number, "send", at))
            if isinstance(send, Mapping):
                yield from _template(draft, send.get("template"), ("rules", number, "send", at, "template"))


def _template(draft: Draft, name: object, where: Where) -> Found:
    known = TEMPLATES | files.templates(draft.templates)
    if isinstance(name, str) and name not in known:
        yield where, messages.unknown("template", name, known)


def _sources(draft: Draft, given: object, where: Where) -> Found:
    known = draft.names("sources")
    named = [((*where, at), name) for at, name in enumerate(given)] if isinstance(given, list) else [(where, given)]
    for place, name in named:
        if isinstance(name, str) and name not in known:
            yield place, messages.unknown("source", name, known)


def _send(draft: Draft, sink: str, to: object, where: Where) -> Found:
    """Whether the sink has somewhere to send to, and the addresses are of its kind."""
    if sink not in draft.names("sinks"):
        yield (*where, "sink"), messages.unknown("sink", sink, draft.names("sinks"))
        return
    settings = draft.sinks.get(sink)
    kind = behind.sink_settings(draft.values["sinks"][sink]) if settings is None else type(settings)
    if kind is None:
        return
    if to is None:
        if kind.people:
            yield (*where, "to"), "is missing: write recipients, or a list of addresses"
        elif settings is not None and settings.address is not None and getattr(settings, "url", None) is None:
            yield where, f"the sink {sink} has no url: give it one, or send to: recipients"
    elif kind.address is None:
        yield (*where, "to"), f"the sink {sink} sends to one place only: leave this out"
    elif isinstance(to, list):
        for at, address in enumerate(to):
            if isinstance(address, str) and (problem := _refused(address, kind.address)):
                yield (*where, "to", at), problem


def _refused(address: str, kind: Address) -> str | None:
    try:
        _ADDRESSES[kind](address)
    except ValueError as error:
        return str(error)
    return None


def _watches(draft: Draft) -> Found:
    known = draft.names("sources")
    for number, body in draft.entries("watches"):
        name = body.get("source") if isinstance(body, Mapping) else None
        for where, message in examine(body, draft.sources, 0)[1]:
            if where != ("source",) or not isinstance(name, str):
                yield ("watches", number, *where), message
            elif name not in known:
                yield ("watches", number, "source"), messages.unknown("source", name, known)
            else:
                for place, problem in behind.wrong_ids(draft.values["sources"][name], body.get("ids")):
                    yield ("watches", number, "ids", *place), problem
