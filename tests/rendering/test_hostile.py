"""Names, comments, labels and statuses that anybody may have written do no harm."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.model import Comment, Entry, Performer, Person, Place, Vehicle
from notifier.rendering import clean, samples, segments
from notifier.rendering.render import LONGEST_SMS, LONGEST_SUBJECT, Part, Rendered, Templates
from notifier.routing.facts import Facts
from tests.rendering.told import BUILT_IN, Shape, say

PIECES = (
    "Ivan", " ", ",", "\r\n", "\n", "\r", "\t", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029",
    "\u202e", "\u202d", "\u2066", "\u2067", "\u2068", "\u2069", "\u200f", "\u061c",
    "\u200b", "\ufeff", "\u00ad", "\ud800",
    "{{ 7*7 }}", "{% raw %}", "{# #}", "${HOME}", "%s%n", "{text}",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><a href='javascript:x'>", "&lt;b&gt;",
    "]]>", "-->", "</td></table>",
    "Bcc: a@example.org", "\r\n.\r\n", "محمد", "שלום", "e" + "\u0301" * 40, "👨\u200d👩\u200d👧", "x" * 3000, "漢字",
)  # fmt: skip
HOSTILE = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=300))
OUTSIDE = frozenset("\u2068\u2069\u200c\u200d\n")


def spoilt(template: str, locale: str, text: str) -> Facts:
    """The sample with this text in every place that others write."""
    facts = samples.facts(template, locale)
    assert facts.snapshot is not None
    vehicle = Vehicle(model=text, color=text, plate=text)
    snapshot = replace(
        facts.snapshot,
        status=text,
        performer=Performer(name=text, phone=text, vehicle=vehicle),
        route=(Place(address=text), Place(address=text)),
        person=Person(id=text, name=text, phone=text),
        number=text,
        tariff=text,
        comments=(Comment(status=text, text=text),),
        comment=text,
        entries=(Entry(kind="history", value=text, at=0),),
    )
    before, after = (dict.fromkeys(side or {}, text) for side in (facts.before, facts.after))
    return replace(
        facts,
        key=f"trips/{text}",
        labels={text: text},
        status=text,
        old_status=text,
        snapshot=snapshot,
        before=before,
        after=after,
    )


def harmless(told: Rendered) -> None:
    assert "\n" not in told.subject
    assert len(told.subject) <= LONGEST_SUBJECT + 2
    for shown in (told.subject, told.text, told.html):
        bad = [
            hex(ord(each))
            for each in shown
            if each not in OUTSIDE and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        ]
        assert bad == []
    for line in (told.subject, *told.text.split("\n")):
        opened = 0
        for each in line:
            opened += (each == "\u2068") - (each == "\u2069")
            assert opened in (0, 1)
        assert opened == 0, "an isolate must end with its line"


TAGS = set(Shape(say(samples.facts("driver_arrived"), "driver_arrived").html).tags)
ATTRIBUTES = Shape(say(samples.facts("driver_arrived"), "driver_arrived").html).attributes


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(samples.names()), st.sampled_from(["en", "ru"]), HOSTILE)
def test_no_text_does_harm(template: str, locale: str, text: str) -> None:
    facts = spoilt(template, locale, text)
    told = say(facts, template)
    harmless(told)
    shape = Shape(told.html)
    assert set(shape.tags) <= TAGS | {"br"}
    assert shape.attributes <= ATTRIBUTES
    assert all(re.fullmatch(r"tel:\+?[0-9,;]+", link) for link in shape.links)
    assert len(told.html) < 200_000
    short = say(facts, template, "sms")
    harmless(short)
    assert len(short.text) <= LONGEST_SMS
    assert segments.size(segments.fit(short.text, 2)).segments <= 2


@settings(max_examples=20, deadline=None)
@given(st.booleans(), HOSTILE, st.integers(2, 9))
def test_nor_does_it_in_a_message_of_several(digest: bool, text: str, count: int) -> None:
    names = [name for name in samples.names() if name not in ("group", "digest")]
    parts = [Part(spoilt(names[n % len(names)], "ru", text), names[n % len(names)]) for n in range(count)]
    told = BUILT_IN.render(parts, "email", digest=digest)
    harmless(told)
    assert set(Shape(told.html).tags) <= TAGS | {"span", "br"}
    harmless(BUILT_IN.render(parts, "sms", digest=digest))


def test_a_value_is_never_a_template() -> None:
    told = say(spoilt("driver_arrived", "en", "{{ 7*7 }}{% for x in y %}"), "driver_arrived")
    assert "{{ 7*7 }}{% for x in y %}" in told.text
    assert "{{ 7*7 }}{% for x in y %}" in Shape(told.html).text


def test_markup_is_text() -> None:
    told = say(spoilt("driver_arrived", "en", "<b>Ivan</b> & Co"), "driver_arrived")
    assert "<b>" not in told.html
    assert "&lt;b&gt;Ivan&lt;/b&gt; &amp; Co" in told.html
    assert "<b>Ivan</b> & Co" in told.text  # plain text is plain: nothing to escape


def test_a_line_end_in_a_name_adds_no_line() -> None:
    told = say(spoilt("driver_changed", "en", "Ivan\r\nBcc: a@example.org"), "driver_changed")
    assert "Ivan Bcc: a@example.org" in told.subject
    assert not any(line.startswith("Bcc") for line in told.text.split("\n"))


def test_right_to_left_names_stay_among_themselves() -> None:
    assert clean.value("محمد") == "\u2068محمد\u2069"
    assert clean.value("Ivan") == "Ivan"
    assert clean.value("a\u202eb\u2066c") == "abc"


@pytest.mark.parametrize("text", ["x" * 10**6, "e" + "\u0301" * 10**6, "я " * 10**6, "👨\u200d" * 10**5])
def test_huge_values_are_short_in_a_message(text: str) -> None:
    told = say(spoilt("performer_changed", "ru", text), "performer_changed")
    assert len(told.text) < 8_000
    assert len(told.html) < 60_000


def test_amounts_and_places_that_are_no_numbers() -> None:
    facts = samples.facts("cost_changed")
    for wrong in (float("nan"), float("inf"), 1e300, True, "350", None):
        assert "RUB" in say(replace(facts, before={"amount": wrong, "with_vat": wrong}), "cost_changed").text


def test_what_a_shortened_isolate_leaves_is_closed() -> None:
    cut = clean.line("\u2068" + "א" * 500 + "\u2069", 100)
    assert cut.count("\u2068") == cut.count("\u2069") == 1
    assert cut.endswith("…\u2069")


def test_a_template_that_writes_several_lines_has_a_subject_of_one() -> None:
    own = Templates(samples.ORIGINS, {"en/lost.subject.txt.j2": "a\r\n  b\n\nc"})
    assert say(samples.facts("lost"), "lost", templates=own).subject == "a b c"
