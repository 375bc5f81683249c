"""What a setting may look like, wherever it stands: addresses, secrets and the files that hold them.

Each check returns the value to use, or raises ValueError saying what to do. Messages never repeat a value that may be
a secret.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from notifier.fields import Secret

_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")  # RFC 3986, appendix A


def address(text: str, query: bool = False) -> str:
    """https, or http to loopback; no fragment, user or password, and no query unless it may have one."""
    if not _URL.fullmatch(text):
        raise ValueError(
            "is empty, or has characters that no address has: percent-encode them (a name's host in its xn-- form)"
        )
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # a port may be wrong, too
    except ValueError:
        raise ValueError("is not an address: write it as https://host or https://host:port/path") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is not an address: write it as https://host or https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password: give the secret by token, token_file or oauth2")
    if "#" in text or ("?" in text and not query):
        raise ValueError("must not have a query or fragment: leave out all from the ? or # on")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https: over http the token would travel in clear text (loopback excepted)")
    return text


def token_url(text: str) -> str:
    """An address that may have a query (RFC 6749, 3.2)."""
    return address(text, query=True)


def is_loopback(host: str) -> bool:
    """localhost, 127.0.0.0/8 and ::1; no other name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found in ipaddress.ip_network("127.0.0.0/8") if found.version == 4 else found == ipaddress.ip_address("::1")


def secret(text: str) -> str:
    """A token that can stand in a header; of what is wrong with it only the kind is told."""
    if not text.strip():
        raise ValueError("is empty: put a value there")
    if has_control(text):
        raise ValueError("has a line break or another control character: give the value alone")
    if not text.isascii():
        raise ValueError("has other than ASCII characters: it cannot be sent in a header")
    return text


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Round what reads that file: where it cannot be read, ValueError says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): it must be a file that this user may read"
        ) from None


def secret_file(path: str, check: Callable[[str], str] = secret) -> Secret:
    """A secret that is read again when its file changes; it must be there now, and pass the check."""
    try:
        with reading(path):
            found = Secret(path=Path(path))
            check(found.get())
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: put the secret alone into it") from None
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path} {text}") from None
    return found


def header_value(text: str) -> str:
    """Visible ASCII and inner blanks."""
    if has_control(text) or not text.isascii():
        raise ValueError("has control or other than ASCII characters: it cannot be sent in a header")
    return text


def has_control(text: str) -> bool:
    """Control characters, and halves of surrogate pairs, which no encoding carries."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
