"""Addresses are accepted only when nobody can read them as something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import addresses


@pytest.mark.parametrize(
    "text", ["a@example.org", "first.last+tag@sub.example.co", "o'neil@xn--e1afmkfd.xn--p1ai", "a@b.c0m"]
)
def test_plain_email_addresses(text: str) -> None:
    assert addresses.email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@b",
        "@example.org",
        "a@",
        "a@@example.org",
        "a@example.org,b@example.org",
        "a@example.org;b@x.org",
        "Anna <a@example.org>",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\n",
        " a@example.org",
        "a b@example.org",
        ".a@example.org",
        "a.@example.org",
        "a..b@example.org",
        "a@-example.org",
        "a@example-.org",
        "a@example..org",
        "a@127.0.0.1",
        "a@[127.0.0.1]",
        '"a"@example.org',
        "a@пример.рф",
        "а@example.org",
        "a(x)@example.org",
        "x" * 65 + "@example.org",
        "a@" + "x" * 64 + ".org",
        "a@" + ".".join(["x" * 60] * 5) + ".org",
        "a%00@example.org\0",
    ],
)
def test_everything_else_is_no_email_address(text: str) -> None:
    with pytest.raises(ValueError, match="not one plain email address"):
        addresses.email(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+79120995513", "+79120995513"),
        ("+7 (912) 099-55-13", "+79120995513"),
        ("+7 912 099‑55–13", "+79120995513"),
        ("[+44] 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+1 555 123 45 67", "+15551234567"),
    ],
)
def test_phones_lose_spaces_dashes_and_brackets(text: str, number: str) -> None:
    assert addresses.phone(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "79120995513",
        "+79120995513,,95576",
        "+0123456789",
        "+123",
        "+1234567890123456",
        "+7912099551x",
        "+7.912.099",
        "+７9120995513",
        "+79120995513\n",
        "++79120995513",
        "tel:+79120995513",
    ],
)
def test_other_phones_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        addresses.phone(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("+999123456789", "no country's code"),
        ("+7912099551", "too short"),
        ("+12025550", "too short"),
        ("+791209955134", "too long"),
    ],
)
def test_phones_that_no_country_has_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        addresses.phone(text)


@given(st.text(alphabet="+0123456789 -()[],;x", max_size=24))
def test_a_phone_that_is_taken_is_e164(text: str) -> None:
    try:
        number = addresses.phone(text)
    except ValueError:
        return
    assert number[0] == "+"
    assert number[1:].isdigit()
    assert 7 <= len(number[1:]) <= 15


@pytest.mark.parametrize(
    "text", ["https://example.org", "http://127.0.0.1:9000/x?y=z", "https://[::1]:1/a", "HTTPS://Example.org/%20#f"]
)
def test_web_addresses(text: str) -> None:
    assert addresses.webhook(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://example.org",
        "https://",
        "https:///x",
        "https://u@example.org",
        "https://u:p@example.org",
        "https://@example.org",
        "https://example.org:0",
        "https://example.org:99999",
        "https://example.org:x",
        "https://exa mple.org",
        "https://example.org/a b",
        "https://example.org/\n",
        "https://example.org\\@evil.org",
        "https://[::1",
        "javascript:alert(1)",
        "https://example.org/\x00",
        "https://example.org/\ud800",
        "https://" + "x" * 2048,
        "//example.org",
        "https://exa%6dple.org",
        "https://example.org/\u2028",
    ],
)
def test_other_web_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.webhook(text)


@pytest.mark.parametrize("text", ["en", "ru", "pt-BR", "zh-Hant-TW", "es-419"])
def test_locales(text: str) -> None:
    assert addresses.locale(text) == text


@pytest.mark.parametrize(
    "text", ["", "e", "en_US", "en-", "-en", "english language", "ru\n", "en-toolongpart", "../../etc"]
)
def test_other_locales_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="language tag"):
        addresses.locale(text)


@pytest.mark.parametrize("text", ["UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires"])
def test_time_zones(text: str) -> None:
    assert addresses.timezone(text) == text


@pytest.mark.parametrize(
    "text", ["", "Moscow", "Europe", "GMT+3:00", "../UTC", "/etc/localtime", "Europe/Moscow\n", "x" * 5000]
)
def test_other_time_zones_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        addresses.timezone(text)


@pytest.mark.parametrize("character", ["\0", "\n", "\x7f", "\x85", "\u2028", "\ud800"])
def test_control_characters_are_named(character: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(character):04X}"):
        addresses.clean(f"a{character}b")


def test_a_refused_phone_is_not_shown_not_even_by_chance() -> None:
    """The API document's own example is what people try first: the advice must not repeat it."""
    with pytest.raises(ValueError, match="without extensions") as refused:
        addresses.phone("+79120995513,,95576")
    assert "9120995513" not in str(refused.value)
