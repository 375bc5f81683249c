"""What refusals say, and what is kept out of it."""

import json

import pytest

from notifier.sources.refusals import clean, describe


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([{"code": 100, "description": "First"}, {"code": 101, "description": "Second"}], "100: First: 101: Second"),
        ({"reason": "Access token has been expired. You should request a new one"},
         "Access token has been expired. You should request a new one"),
        ({"code": "NOT_FOUND", "message": "Requested entry not found"}, "NOT_FOUND: Requested entry not found"),
        ({"error": "invalid_grant", "error_description": "No"}, "invalid_grant: No"),
        ({"error": {"code": 7, "message": "No"}}, "7: No"),
        ({"errors": [{"message": "No"}, {"detail": "Never"}]}, "No: Never"),
        ({"title": "Not found", "detail": "No such order", "status": 404}, "No such order: Not found"),
        ({"performer": {"fullname": "Sazonov"}, "message": None}, ""),
        ([], ""),
        ("OAuth token is incorrect", "OAuth token is incorrect"),
        (None, ""),
        ({"message": True}, ""),
    ],
)  # fmt: skip
def test_words_of_a_body(body: object, said: str) -> None:
    assert describe(json.dumps(body).encode()) == said


@pytest.mark.parametrize("body", [b"", b"<html>Sazonov</html>", b'{"fullname": "Sazonov', b"[{", b"\n <x>"])
def test_what_is_neither_json_nor_text_says_nothing(body: bytes) -> None:
    assert describe(body) == ""


def test_plain_text_is_taken_as_it_is() -> None:
    assert describe(b"Not\r\n found\x00") == "Not found"
    assert describe(b"\xff\xfe") == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call +7 912 099-55-13 now", "call … now"),
        ("call 89120995513", "call …"),
        ("mail ann.b@example.org", "mail …"),
        ("Authorization: Bearer abc.def", "Authorization: …"),
        ("Bearer token is missing", "Bearer token is missing"),
        ('"token": "short"', '"…'),
        ("AQAAAADnT0k3nABCdef12 expired", "… expired"),
        ("order 885e440dc70acc3bb6ce0cc5c67d7f2e is gone", "order … is gone"),
        ("SELECTED_CLIENT_ACCESS_DENIED", "SELECTED_CLIENT_ACCESS_DENIED"),
        ("place.unable_to_call", "place.unable_to_call"),
        ("code 404", "code 404"),
    ],
)
def test_private_words_are_left_out(text: str, kept: str) -> None:
    assert clean(text) == kept


def test_it_is_cut() -> None:
    assert len(clean("word " * 1000)) == 200
    assert clean("word " * 1000).endswith("…")
