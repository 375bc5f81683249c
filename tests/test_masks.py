import pytest

from notifier.api.shapes import code
from notifier.masks import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("anna@example.org", "a***@example.org"),
        ("+79120995513", "+7•••13"),
        ("+123", "+•••"),
        ("https://user:pw@h.example.org:8443/s3cret?t=1", "h.example.org"),
        ("http://[::1]/x", "::1"),
        ("https://[broken/s3cret", "***"),
        ("room 12", "***"),
        (None, None),
    ],
)
def test_an_address_is_shortened(address: str | None, shown: str | None) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(("status", "shown"), [("503", 503), ("30007", 30007), ("OK", "OK"), ("٣", "٣"), (None, None)])
def test_codes_are_numbers_where_they_are(status: str | None, shown: int | str | None) -> None:
    assert code(status) == shown
