"""What is wrong with an operator's template files, all of it, before anything is sent. Pure.

Names, syntax, names of values, files that are missing; and each file is tried with made-up events of every type, with
everything known and with nothing known but what every event tells.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from jinja2 import TemplateSyntaxError, meta, nodes

from notifier.model import EventType
from notifier.rendering import files, samples
from notifier.rendering.render import DIGEST, GROUP, Part, TemplateError, Templates
from notifier.rendering.sandbox import FUNCTIONS, Sandbox
from notifier.rendering.shapes import DriverView, EventView, OldView, OrderView, RecipientView
from notifier.rendering.speech import LAST, normal

_VALUES: Mapping[str, type] = {
    "recipient": RecipientView,
    "event": EventView,
    "order": OrderView,
    "driver": DriverView,
    "old": OldView,
}
_MORE = ("items", "count")
_IN_MAILS = ("subject", "message", "intro", "details", "labels", "tone")


def examine(own: Mapping[str, str]) -> list[tuple[str, str]]:
    """File name and what is wrong with it, one problem for each file, in the order of names."""
    found: dict[str, str] = {}
    everything = {**files.built_in(), **own}
    sandbox = Sandbox(everything)
    for name in sorted(own):
        problem = next(_of_file(name, own[name], sandbox, everything), None)
        if problem is not None:
            found[name] = problem
    usable = {name: text for name, text in own.items() if name not in found}
    for name, problem in _incomplete(own):
        found.setdefault(name, problem)
    for name, problem in _tried(usable):
        found.setdefault(name, problem)
    return sorted(found.items())


def _of_file(name: str, text: str, sandbox: Sandbox, everything: Mapping[str, str]) -> Iterator[str]:
    try:
        file = files.parse(name)
        if name.endswith(files.LABELS):
            files.labels(text)
            return
    except ValueError as error:
        yield str(error)
        return
    try:
        tree = sandbox.parse(text, name)
        sandbox.compile(tree, name)
    except TemplateSyntaxError as error:
        yield f"line {error.lineno}: {error.message}"
        return
    yield from _unknown_names(tree, mail=file is None or file.part.startswith("email."))
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        wanted = getattr(node, "template", None)
        if not isinstance(wanted, nodes.Const):
            yield f"line {node.lineno}: name the file itself, in quotes"
        elif wanted.value not in everything:
            yield f"line {node.lineno}: there is no file {wanted.value!r}"


def _unknown_names(tree: nodes.Template, mail: bool) -> Iterator[str]:
    known = (*_VALUES, *_MORE, *FUNCTIONS, *(_IN_MAILS if mail else ()))
    # What is set in one branch only counts as free to Jinja.
    free = meta.find_undeclared_variables(tree) - {
        each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"
    }
    for node in tree.find_all(nodes.Name):
        if node.name in free and node.name not in known:
            yield f"line {node.lineno}: {_did_you_mean('there is no', node.name, known)}"
    for access in tree.find_all(nodes.Getattr):
        owner = access.node
        if not isinstance(owner, nodes.Name) or owner.name not in free:
            continue
        shape = _VALUES.get(owner.name)
        names = [field.name for field in fields(shape)] if shape else []
        if shape and access.attr not in names:
            yield f"line {access.lineno}: {_did_you_mean(f'{owner.name} has no', access.attr, names)}"


def _did_you_mean(what: str, name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f"{what} {name!r}: " + (f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}")


def _incomplete(own: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A template of the operator's own needs its words in the locale that all others fall back to."""
    built_in = files.templates(files.built_in())
    for template in sorted(files.templates(own) - built_in):
        if not {f"{LAST}/{template}.{part}.j2" for part in ("message.txt", "subject.txt")} & own.keys():
            yield f"{LAST}/{template}.message.txt.j2", "is missing: it is what readers of any other language get"


def _tried(usable: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every template that one of these files has a part in."""
    templates = Templates(samples.ORIGINS, usable, samples=True)
    parsed = [file for name in usable if (file := files.parse(name)) is not None]
    for template, locale in sorted({(file.template, normal(file.locale)) for file in parsed}):
        if template not in templates.names | {GROUP, DIGEST, files.LAYOUT}:
            continue
        shown = "phase_changed" if template in (GROUP, DIGEST, files.LAYOUT) else template
        for name in EventType:
            for bare in (False, True):
                told = samples.facts(name, locale, bare=bare)
                parts = [Part(told, shown)]
                if template in (GROUP, DIGEST):
                    parts = [Part(samples.facts("driver_changed", locale), "driver_changed"), *parts]
                try:
                    templates.render(parts, "email", locale=locale, digest=template == DIGEST)  # and its short form
                except TemplateError as error:
                    what = f"tried with {name}" + (", of which little is known" if bare else "")
                    yield error.file, f"{error.problem} ({what})"
