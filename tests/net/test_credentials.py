"""Tokens that are given, in place or in a file."""

from pathlib import Path

import pytest

from notifier.errors import LookFailed, Reason
from notifier.fields import Secret
from notifier.net.credentials import NoCredential, TokenCredential


@pytest.mark.parametrize(("scheme", "header"), [("", "t0ken"), ("Bearer", "Bearer t0ken"), ("OAuth", "OAuth t0ken")])
async def test_the_scheme_stands_before_the_token(scheme: str, header: str) -> None:
    assert await TokenCredential(Secret("t0ken"), scheme).header(0.0) == header


async def test_a_plain_token_cannot_be_renewed() -> None:
    credential = TokenCredential(Secret("t0ken"), "Bearer")
    assert not await credential.renew("Bearer t0ken")
    assert not credential.changed("Bearer t0ken", 100.0)


async def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    credential = TokenCredential(Secret(path=file), "Bearer")
    assert await credential.header(0.0) == "Bearer first"
    file.write_text("the second\n")
    assert await credential.header(0.5) == "Bearer first", "not looked at for each request"
    assert await credential.header(1.0) == "Bearer the second"
    assert credential.changed("Bearer first", 1.0)
    assert not credential.changed("Bearer the second", 1.0)


async def test_after_a_401_the_file_is_read_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    credential = TokenCredential(Secret(path=file), "")
    assert await credential.header(10.0) == "first"
    file.write_text("the second")
    assert await credential.renew("first")
    assert await credential.header(10.1) == "the second"


async def test_a_change_is_seen_within_a_second_of_asking(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    credential = TokenCredential(Secret(path=file), "")
    await credential.header(0.0)
    file.write_text("the second")
    assert [credential.changed("first", at) for at in (0.2, 0.9, 1.1)] == [False, False, True]


@pytest.mark.parametrize("token", ["two\nlines", "a\rb", "tab\there", "nul\0", "ключ"])
async def test_a_token_that_no_header_carries(token: str) -> None:
    with pytest.raises(LookFailed) as failure:
        await TokenCredential(Secret(token), "Bearer").header(0.0)
    assert failure.value.reason is Reason.UNAUTHORIZED
    assert token not in str(failure.value)


async def test_none_at_all() -> None:
    credential = NoCredential()
    assert await credential.header(0.0) is None
    assert not await credential.renew("")
    assert not credential.changed("", 0.0)
    await credential.close()
