"""Facts of events → a message. What others call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from notifier.errors import NotifierError
from notifier.rendering import clean, files, segments, speech
from notifier.rendering.details import Row, rows, tone
from notifier.rendering.sandbox import LONGEST_OUTPUT, SPEECH, Sandbox
from notifier.rendering.shapes import View
from notifier.rendering.speech import Speech
from notifier.rendering.trouble import told
from notifier.rendering.view import view
from notifier.routing.facts import Facts

Kind: TypeAlias = Literal["email", "sms"]
"""For `email` (and chats) subject, text and HTML; for `sms` a short text alone."""

KINDS: tuple[Kind, ...] = ("email", "sms")
LONGEST_SUBJECT = 150  # RFC 5322, 2.1.1 would take more, no list of mails shows it
LONGEST_SMS = 1_600  # about ten segments: the sink's budget cuts it further
LONGEST_TEXT = 64_000
GROUP, DIGEST = "group", "digest"
"""Templates of several events at once; no rule names them."""

MOST_ITEMS = 50  # events of one message that are told one by one


class TemplateError(NotifierError):
    """A template that cannot be used, or does not exist: which one, in which line, and why. No personal data.

    `file` is empty where there is none; `problem` begins with the line where it is known.
    """

    def __init__(self, problem: str, file: str = "") -> None:
        super().__init__(f"{file}: {problem}" if file else problem)
        self.problem = problem
        self.file = file


class Origin(NamedTuple):
    """What messages must know of a source: its zone, for recipients without one, and what its orders are."""

    timezone: str = "UTC"
    kind: Literal["ride", "delivery", "food", "order"] = "order"


class Part(NamedTuple):
    """One delivery: what happened, and the template that its rule names (`Delivery.template`)."""

    facts: Facts
    template: str


class Rendered(NamedTuple):
    """`subject` is one line. Of an SMS only `text` is filled: not yet cut to a budget (`segments.fit`)."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event of a message of several."""

    event: Any
    order: Any
    driver: Any
    old: Any
    subject: str
    message: str
    sms: str


class _Said(NamedTuple):
    """One part, in words; `context` is what its templates see."""

    context: Mapping[str, Any]
    item: Item


class Templates:
    """All templates: the built-in ones and an operator's `files` (`ru/driver_arrived.sms.txt.j2` → text)."""

    def __init__(
        self,
        origins: Mapping[str, Origin] = MappingProxyType({}),
        own: Mapping[str, str] = MappingProxyType({}),
        *,
        samples: bool = False,
    ) -> None:
        """`origins` are the sources by name. What `own` files have wrong, `check.examine` tells; here they are taken as
        they are. `samples` says that no personal data is rendered: errors may then tell all they know."""
        self._origins = origins
        self._files = {**files.built_in(), **own}
        self._samples = samples
        self._sandbox = Sandbox(self._files)
        self._places = {
            (speech.normal(file.locale), file.template, file.part): name
            for name in self._files
            if (file := files.parse(name)) is not None
        }
        self._labels: dict[str, dict[str, str]] = {}
        for name, text in (*files.built_in().items(), *own.items()):
            if name.endswith(f"/{files.LABELS}"):  # words are replaced one by one
                self._labels.setdefault(speech.normal(name.partition("/")[0]), {}).update(files.labels(text))
        self.names = files.templates(self._files) - {GROUP, DIGEST}
        """What a rule may name."""

    def render(self, parts: Sequence[Part], kind: Kind, *, locale: str | None = None, digest: bool = False) -> Rendered:
        """One message, in the locale of the last part unless another is asked for; TemplateError.

        One part: its template. Several: one message of them all in their order (a group; what they all say alike is
        said once), with `digest`: a list of what was held back, of one order or several.
        """
        if not parts:
            raise TemplateError("there is nothing to tell")
        tag = locale or parts[-1].facts.locale
        # The newest ones are told one by one; `count` counts them all.
        said = [self._say(part.facts, _single(part), tag) for part in parts[-MOST_ITEMS:]]
        if digest:
            return self._whole(said, DIGEST, kind, tag, len(parts))
        distinct = [each for at, each in enumerate(said) if at + 1 == len(said) or not _repeated(each, said[at + 1 :])]
        if len(distinct) > 1:
            return self._whole(distinct, GROUP, kind, tag, len(distinct) + len(parts) - len(said))
        return self._finished(distinct[0], _single(parts[-1]), kind, tag)

    def locale(self, template: str, tag: str) -> str:
        """In which locale a reader of `tag` gets this template: 'ru' for 'ru-RU'."""
        return self._find(template, ("message.txt", "email.txt", "sms.txt"), tag)[0]

    # --- parts -----------------------------------------------------------------------------------------------------

    def _say(self, facts: Facts, template: str, tag: str) -> _Said:
        origin = self._origins.get(facts.source, Origin())
        spoken = self._spoken(template, tag)
        reader = Speech(spoken, facts.timezone or origin.timezone, told=facts.timezone is not None)
        return self._worded(template, tag, self._context(view(facts, origin.kind, reader), reader, tag), (), 1)

    def _spoken(self, template: str, tag: str) -> Any:
        """The reader's own locale where the text is in its language (en-GB reads en), else the text's."""
        found = speech.known(self.locale(template, tag))
        own = speech.known(tag)
        return own if own.language == found.language else found

    def _context(self, seen: View, reader: Speech, tag: str) -> dict[str, Any]:
        labels = self._words(tag if speech.known(tag).language == reader.locale.language else str(reader.locale))
        values = {field.name: getattr(seen, field.name) for field in fields(seen)}
        details: tuple[Row, ...] = rows(seen, labels, reader)
        return {**values, SPEECH: reader, "labels": labels, "details": details, "tone": tone(seen)}

    def _words(self, tag: str) -> Mapping[str, str]:
        """The words of the nearest locale; where it lacks one, those of the next."""
        found: dict[str, str] = {}
        for step in reversed(speech.chain(tag)):
            found |= self._labels.get(step, {})
        return MappingProxyType(found)

    def _worded(self, template: str, tag: str, context: Mapping[str, Any], items: Sequence[Item], count: int) -> _Said:
        values = {**context, "items": tuple(items), "count": count}
        message = clean.lines(self._part(template, ("message.txt", "subject.txt"), tag, values), LONGEST_TEXT)
        subject = clean.line(self._part(template, ("subject.txt", "message.txt"), tag, values), LONGEST_SUBJECT)
        short = clean.lines(self._part(template, ("sms.txt", "message.txt"), tag, values), LONGEST_SMS)
        values |= {"subject": subject, "message": message}
        values["intro"] = message.partition("\n")[0] if template == DIGEST else ""
        shown = {name: values[name] for name in ("event", "order", "driver", "old")}
        return _Said(values, Item(**shown, subject=subject, message=message, sms=segments.economical(short)))

    def _whole(self, said: Sequence[_Said], template: str, kind: Kind, tag: str, count: int) -> Rendered:
        context = said[-1].context
        if template == DIGEST:
            context = {**context, "tone": "plain", "details": ()}
        items = [each.item for each in said]
        return self._finished(self._worded(template, tag, context, items, count), template, kind, tag)

    def _finished(self, said: _Said, template: str, kind: Kind, tag: str) -> Rendered:
        if kind == "sms":
            return Rendered("", said.item.sms, "")
        text = self._mail(template, "email.txt", tag, said.context)
        html = self._mail(template, "email.html", tag, said.context)
        return Rendered(said.item.subject, clean.lines(text, LONGEST_TEXT) + "\n", html.strip() + "\n")

    def _mail(self, template: str, part: str, tag: str, values: Mapping[str, Any]) -> str:
        """The template's own, or its message in the frame of all mails."""
        own = self._place(template, (part,), tag)
        return self._run(own[1] if own else self._find(files.LAYOUT, (part,), tag)[1], values)

    def _part(self, template: str, wanted: Sequence[str], tag: str, values: Mapping[str, Any]) -> str:
        return self._run(self._find(template, wanted, tag)[1], values)

    # --- files -----------------------------------------------------------------------------------------------------

    def _place(self, template: str, wanted: Sequence[str], tag: str) -> tuple[str, str] | None:
        """Locale and name of the file that says the first of the wanted parts, in the nearest locale."""
        for locale in speech.chain(tag):
            for part in wanted:
                if (name := self._places.get((locale, template, part))) is not None:
                    return locale, name
        return None

    def _find(self, template: str, wanted: Sequence[str], tag: str) -> tuple[str, str]:
        if (found := self._place(template, wanted, tag)) is not None:
            return found
        if template not in self.names:
            raise TemplateError(f"there is no template {template!r}: known are {', '.join(sorted(self.names))}")
        raise TemplateError(
            f"the template {template} has no {wanted[0]} for {tag}: add {tag}/{template}.{wanted[0]}.j2"
        )

    def _run(self, name: str, values: Mapping[str, Any]) -> str:
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._sandbox.get_template(name).generate(values):
                length += len(piece)
                if length > LONGEST_OUTPUT:
                    raise TemplateError(f"writes more than {LONGEST_OUTPUT // 1024} KiB: let it say less", name)
                pieces.append(piece)
        except TemplateError:
            raise
        except Exception as error:  # whatever an operator's template may run into: told, with its place
            raise TemplateError(*told(error, name, self._samples)) from None
        return "".join(pieces)


def _single(part: Part) -> str:
    """What says one event by itself."""
    return part.facts.type if part.template in (GROUP, DIGEST) else part.template


def _repeated(said: _Said, later: Sequence[_Said]) -> bool:
    """A status and its phase say the same: the last one says it."""
    return any(each.item.message == said.item.message for each in later)
