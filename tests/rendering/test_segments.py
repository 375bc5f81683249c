"""What an SMS costs, and a text shortened to a budget."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.rendering.graphemes import clusters
from notifier.rendering.segments import BASIC, EXTENDED, economical, fit, is_gsm, size

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
TEXTS = st.one_of(
    st.text(max_size=400),
    st.text(alphabet=sorted(BASIC | EXTENDED), max_size=400),
    st.lists(
        st.sampled_from(["Ваш ", "водитель", " приехал: ", "Kia ", "€", "[", "😀", FAMILY, "е\u0308", " ", "…"]),
        max_size=90,
    ).map("".join),
)


def test_the_alphabet_is_that_of_the_specification() -> None:
    assert len(BASIC) == 127  # 128 codes, one of them the escape to the extension table
    assert len(EXTENDED) == 10


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        ("€" * 153, "gsm7", 306, 3),  # 76 in a segment: none is divided
        ("я" * 70, "ucs2", 70, 1),
        ("я" * 71, "ucs2", 71, 2),
        ("я" * 134, "ucs2", 134, 2),
        ("я" * 135, "ucs2", 135, 3),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 66, "ucs2", 132, 2),
        ("😀" * 67, "ucs2", 134, 3),  # 33 in a segment: no pair is divided
        ("a" * 69 + "я", "ucs2", 70, 1),
        ("dèjà vu", "gsm7", 7, 1),
        ("á", "ucs2", 1, 1),
    ],
)
def test_size(text: str, encoding: str, units: int, segments: int) -> None:
    assert size(text) == (encoding, units, segments)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert fit("я" * 70, 1) == "я" * 70
    assert fit("a" * 160, 1) == "a" * 160


def test_it_ends_after_a_word_with_an_ellipsis() -> None:
    text = "Ваш водитель приехал: белый Kia Rio, А123ВС777, Константин Константинопольский ждёт"
    assert fit(text, 1) == "Ваш водитель приехал: белый Kia Rio, А123ВС777, Константин…"
    assert fit("word, " * 40, 1).endswith("word...")  # GSM has no ellipsis of one character


def test_one_endless_word_is_cut_between_two_characters() -> None:
    assert fit("я" * 200, 1) == "я" * 69 + "…"
    assert fit("a" * 200, 1) == "a" * 157 + "..."


def test_a_character_of_several_parts_stays_whole() -> None:
    assert fit(FAMILY * 9, 1) == FAMILY * 6 + "…"
    assert fit("й" * 69 + "e\u0301\u0301" + "й" * 9, 1) == "й" * 69 + "…"


def test_a_tail_in_another_alphabet_does_not_make_the_rest_dear() -> None:
    shortened = fit("abc " * 38 + "и дальше по-русски " * 9, 1)
    assert size(shortened).encoding == "gsm7"
    assert len(shortened) > 140


def test_a_letter_under_a_hundred_accents() -> None:
    assert fit("a" + "\u0301" * 100, 1) == "…"


def test_less_than_one_segment_is_none() -> None:
    with pytest.raises(ValueError, match="at least one segment"):
        fit("a", 0)


@given(TEXTS, st.integers(1, 5))
def test_what_is_cut_fits_and_is_a_beginning(text: str, segments: int) -> None:
    cut = fit(text, segments)
    assert size(cut).segments <= segments
    if cut == text:
        return
    ellipsis = "..." if is_gsm(cut) else "…"
    kept = cut.removesuffix(ellipsis)
    assert text.startswith(kept)
    if kept:
        borders = {len("".join(list(clusters(text))[:n])) for n in range(len(list(clusters(text))) + 1)}
        rest = text[len(kept) :]
        stripped = len(rest) - len(rest.lstrip(" \n\r,;:–—-(«\"'"))
        assert any(len(kept) + n in borders for n in range(stripped + 1))


@given(TEXTS)
def test_clusters_are_the_text(text: str) -> None:
    parts = list(clusters(text))
    assert "".join(parts) == text
    assert all(parts)
    assert not any(unicodedata.category(part[0]) in ("Mn", "Me") for part in parts[1:] if part[0] not in "\r\n") or any(
        part[-1] in "\r\n" for part in parts
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("\r\n\n", ["\r\n", "\n"]),
        ("🇷🇺🇩🇪🇫", ["🇷🇺", "🇩🇪", "🇫"]),
        ("각각", ["각", "각"]),
        ("👍🏽!", ["👍🏽", "!"]),
        ("🏴\U000e0067\U000e0062\U000e007f.", ["🏴\U000e0067\U000e0062\U000e007f", "."]),
        ("1\ufe0f\u20e3", ["1\ufe0f\u20e3"]),
        ("й" + "и\u0306", ["й", "и\u0306"]),
    ],
)
def test_clusters(text: str, parts: list[str]) -> None:
    assert list(clusters(text)) == parts


def test_typography_that_alone_makes_a_message_dear() -> None:
    assert economical("Driver’s car – “Kia” … 5\u202f€") == 'Driver\'s car - "Kia" ... 5 €'
    assert economical("Водитель – здесь…\u00a0ждёт") == "Водитель – здесь… ждёт"
