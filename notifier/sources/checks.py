"""What a setting or an id may look like. Each check returns the value to use, or raises ValueError saying what to do.

Messages never repeat a value that may be a secret.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.fields import Secret

LONGEST_ID = 128
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")  # RFC 3986, appendix A
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")  # RFC 9110, 5.6.2 (token); empty: the bare token


def base_url(text: str) -> str:
    """An absolute https address (http to loopback), without its last slashes."""
    return address(text).rstrip("/")


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


def secret_file(path: str) -> Secret:
    """A secret that is read again when its file changes; it must be there now."""
    try:
        found = Secret(path=Path(path))
        secret(found.get())
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): it must be a file that this user may read"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: put the secret alone into it") from None
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path} {text}") from None
    return found


def auth_scheme(text: str) -> str:
    """The word before the token in Authorization; empty: the bare token."""
    if not _SCHEME.fullmatch(text):
        raise ValueError("must be one word, as in Bearer, or empty for the bare token")
    return text


def header_value(text: str) -> str:
    """Visible ASCII and inner blanks."""
    if has_control(text) or not text.isascii():
        raise ValueError("has control or other than ASCII characters: it cannot be sent in a header")
    return text


def header_text(text: str) -> str:
    """Any id as a header's value: other than ASCII characters percent-encoded, all else as it is."""
    return quote(text, safe="".join(map(chr, range(0x20, 0x7F))))


def language(text: str) -> str:
    """A value of Accept-Language."""
    if not text.strip():
        raise ValueError("is empty: write a language, as in en, or leave it out")
    return header_value(text)


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone: write one as Europe/Moscow or UTC") from None


def id_text(value: object) -> str:
    """An id as text: a string, or an integer in decimal; what it may hold stands in INTERFACE, 'Keys and watches'."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a text or an integer: put other values into quotes")
    if isinstance(value, int) and value.bit_length() > 4 * LONGEST_ID:
        raise ValueError(f"must have 1 to {LONGEST_ID} characters")
    text = str(value)
    if not 1 <= len(text) <= LONGEST_ID:
        raise ValueError(f"must have 1 to {LONGEST_ID} characters")
    if has_control(text):
        raise ValueError("must not have a control character: give the id alone")
    if "/" in text or "\\" in text or text in (".", ".."):
        raise ValueError("must not be . or .. and not have / or \\: give the id alone, not a path or an address")
    return text


def id_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Every value as id text; ValueError names the ones that are none."""
    texts, problems = {}, []
    for name, value in values.items():
        try:
            texts[name] = id_text(value)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return texts


def has_control(text: str) -> bool:
    """Control characters, and halves of surrogate pairs, which no encoding carries."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
