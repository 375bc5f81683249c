"""A configuration file, read and checked whole: one value, or every problem at once with its path and line."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from notifier.config import check, document, messages, templates
from notifier.config.document import Document
from notifier.config.model import SOURCES, Config, SinkField, SourceField
from notifier.config.sections import ApiSettings, SqliteSettings, TemplatesSettings
from notifier.config.text import Where
from notifier.errors import ConfigError
from notifier.rendering.render import Origin, Templates
from notifier.sources.base import Model

DEFAULT_PATH = Path("config/notifier.yaml")

T = TypeVar("T")
SectionT = TypeVar("SectionT", bound=Model)

_SOURCE: TypeAdapter[SourceField] = TypeAdapter(SourceField)
_SINK: TypeAdapter[SinkField] = TypeAdapter(SinkField)


def load(path: Path, env: Mapping[str, str] | None = None) -> Config:
    """The configuration in a file, with `env` (the process's by default) for its `${…}`.

    ConfigError holds everything that is wrong, each with its path in the file; no message shows a secret's value.
    """
    read = document.load(path, os.environ if env is None else env)
    _without_empty_sections(read)
    _watches_as_written(read)
    config, found = _validated(Config.model_validate, read, Config)
    found += check.everything(_draft(read.values))
    if found := _distinct(read, found):
        raise ConfigError([read.problem(where, message) for where, message in found])
    assert config is not None
    return config


def load_api(path: Path, env: Mapping[str, str] | None = None) -> ApiSettings:
    """Where the service of this file listens; nothing else of the file needs to be right (or set) for that."""
    return _section(path, "api", ApiSettings, env)


def load_sqlite(path: Path, env: Mapping[str, str] | None = None) -> SqliteSettings:
    """The embedded backend of this file; ConfigError when it names another one."""
    read = document.load(path, os.environ if env is None else env, only=("backend",))
    if read.values.get("backend") is None:
        return SqliteSettings(type="sqlite")
    if check.is_kafka(read.values["backend"]):
        raise ConfigError([read.problem(("backend", "type"), "must be sqlite for this")])
    return _section(path, "backend", SqliteSettings, env)


def load_templates(path: Path, env: Mapping[str, str] | None = None) -> Templates:
    """What the messages of this file are made from; its tokens and the rest need not be right (or set) for that."""
    read = document.load(path, os.environ if env is None else env, only=("templates", "sources"))
    section, found = _validated(TemplatesSettings.model_validate, read, TemplatesSettings, "templates")
    read.problems[:] = [(where, message) for where, message in read.problems if where[0] == "templates"]
    files = _template_files(read.values.get("templates"))
    found += check.templates(check.Draft(values=read.values, sources={}, sinks={}, templates=files))
    if found := _distinct(read, found):
        raise ConfigError([read.problem(where, message) for where, message in found])
    assert section is not None
    return Templates(dict(_origins(read.values.get("sources"))), section.files)


def _origins(sources: object) -> Iterator[tuple[str, Origin]]:
    """As far as sources tell it that need not be valid."""
    for name, settings in sources.items() if isinstance(sources, Mapping) else ():
        type = settings.get("type") if isinstance(settings, Mapping) else None
        if isinstance(type, str) and (adapter := SOURCES.get(type)) is not None:
            timezone = settings.get("timezone")
            yield name, Origin(timezone if isinstance(timezone, str) else "UTC", adapter.settings.errand)


def _section(path: Path, name: str, model: type[SectionT], env: Mapping[str, str] | None) -> SectionT:
    read = document.load(path, os.environ if env is None else env, only=(name,))
    section, found = _validated(model.model_validate, read, model, name)
    if found := _distinct(read, found):
        raise ConfigError([read.problem(where, message) for where, message in found])
    assert section is not None
    return section


def _validated(
    validate: Callable[[Any], T], read: Document, model: object, section: str = ""
) -> tuple[T | None, list[tuple[Where, str]]]:
    """What the environment gave as a plain `123` or `true` is given again as text where a text is wanted."""
    values = (read.values.get(section) or {}) if section else read.values
    below: Where = (section,) if section else ()
    while True:
        try:
            return validate(values), []
        except ValidationError as error:
            wrong = [detail for detail in error.errors(include_url=False) if detail["type"] == "string_type"]
            places = [(*below, *messages.place(detail, values, model)) for detail in wrong]
            if not sum(_as_written(read, where) for where in places):
                return None, [((*below, *where), message) for where, message in messages.found(error, values, model)]


def _as_written(read: Document, where: Where) -> bool:
    """Whether there was a text to go back to."""
    if where not in read.written:
        return False
    here: Any = read.values
    for step in where[:-1]:
        here = here[step]
    here[where[-1]] = read.written.pop(where)
    return True


def _without_empty_sections(read: Document) -> None:
    """`rules:` with nothing below it, everything there being a comment, is a section that was left out."""
    for name in [name for name, value in read.values.items() if value is None and name in Config.model_fields]:
        del read.values[name]


def _watches_as_written(read: Document) -> None:
    """A watch holds nothing but texts: an id from the environment is never a number."""
    for where in [where for where in read.written if where[0] == "watches"]:
        _as_written(read, where)


def _draft(values: Mapping[str, Any]) -> check.Draft:
    return check.Draft(
        values=values,
        sources=dict(_valid(_SOURCE.validate_python, values.get("sources"))),
        sinks=dict(_valid(_SINK.validate_python, values.get("sinks"))),
        templates=_template_files(values.get("templates")),
    )


def _template_files(section: object) -> Mapping[str, str]:
    folder = section.get("folder") if isinstance(section, Mapping) else None
    try:
        return templates.read(Path(folder)) if isinstance(folder, str) and folder else {}
    except ValueError:
        return {}  # what is wrong with the folder itself, its section tells


def _valid(validate: Callable[[Any], T], entries: object) -> Iterator[tuple[str, T]]:
    """Those that are valid by themselves; what is wrong with the others is told elsewhere."""
    for key, value in entries.items() if isinstance(entries, Mapping) else ():
        try:
            yield key, validate(value)
        except ValidationError:
            continue


def _distinct(read: Document, found: list[tuple[Where, str]]) -> list[tuple[Where, str]]:
    """One problem for each place, in the order of the file; none that only follows from an unset variable."""
    unset = {where for where, _ in read.problems}
    first: dict[Where, str] = dict(reversed(read.problems))
    for where, message in found:
        # A text that was not read may be quoted at another place, too; without one, `${` is what somebody wrote.
        follows = any(where[: len(root)] == root for root in unset) or (bool(unset) and "${" in message)
        if not follows:
            first.setdefault(where, message)
    return sorted(first.items(), key=lambda item: (read.line(item[0]), [str(step) for step in item[0]]))
