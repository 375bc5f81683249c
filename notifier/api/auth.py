"""Who may ask: bearer tokens of the token file (RFC 6750), or, where none is configured, loopback alone."""

import hashlib
import hmac
import ipaddress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from notifier.api.problems import ApiError
from notifier.config.tokens import read_tokens
from notifier.errors import ConfigError, Problem

_log = structlog.get_logger()

_READING = frozenset({"GET", "HEAD"})


class _Known(NamedTuple):
    digest: bytes
    writes: bool


class Tokens:
    """One token a line, `read` behind it limits it; the file is read again when it changes.

    ConfigError when it cannot be used at the start. Later, while it is gone or cannot be understood, the former tokens
    stay valid: a rotation may replace it in two steps.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stamp = _stamp(self._path)
        try:
            self._known = _known(self._path)
        except ValueError as error:
            raise ConfigError([Problem("api.token_file", str(error))]) from error

    def writes(self, presented: bytes) -> bool | None:
        """Whether this token may write; None when it is not one of ours. Takes as long for any token."""
        self._refresh()
        digest, found = _digest(presented), None
        for known in self._known:
            if hmac.compare_digest(known.digest, digest):
                found = found or known.writes
        return found

    def _refresh(self) -> None:
        if (stamp := _stamp(self._path)) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._known = _known(self._path)
        except ValueError as error:
            _log.error("api_tokens_kept", reason=str(error))
        else:
            _log.info("api_tokens_read", tokens=len(self._known))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # reading it says why
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _known(path: Path) -> tuple[_Known, ...]:
    return tuple(_Known(_digest(token.text.encode()), not token.read_only) for token in read_tokens(path))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()  # equal lengths: a comparison of these tells nothing about a token's


def guard(tokens: Tokens | None, public: frozenset[str]) -> Middleware:
    """Lets through what matched a resource of `public`, and those who may ask."""

    @web.middleware
    async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        # Unmatched paths tell nothing, but an error below /v1 should first be that of the missing token.
        open_to_all = resource.canonical in public if resource else not request.path.startswith("/v1")
        if not open_to_all:
            if tokens is None:
                _loopback_only(request)
            else:
                _with_token(request, tokens)
        return await handler(request)

    return authorize


def _with_token(request: web.Request, tokens: Tokens) -> None:
    headers = request.headers.getall("Authorization", [])
    if len(headers) != 1:
        raise _unauthorized("Send the header Authorization: Bearer <token>.", "Bearer")
    scheme, _, token = headers[0].partition(" ")
    writes = None
    if scheme.lower() == "bearer":
        writes = tokens.writes(token.strip().encode("utf-8", "surrogateescape"))
    if writes is None:
        raise _unauthorized("The token is not one of this service's.", 'Bearer error="invalid_token"')
    if not writes and request.method not in _READING:
        raise ApiError(
            403, "This token may only read.", headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
        )


def _unauthorized(detail: str, challenge: str) -> ApiError:
    return ApiError(401, detail, headers={"WWW-Authenticate": challenge})


def _loopback_only(request: web.Request) -> None:
    """No token is configured: the machine itself may ask, but no web page that its browser shows.

    A page of another site reaches loopback by a name of its own that resolves to it (DNS rebinding: its name is then
    in Host) or by a plain cross-site form (its name is then in Origin).
    """
    origin = request.headers.get("Origin")
    if not (
        _is_loopback(request.remote)
        and _is_loopback(_host_name(f"//{request.headers.get('Host', '')}"))
        and (origin is None or _is_loopback(_host_name(origin)))
    ):
        raise ApiError(403, "No API token is configured, so only this machine may ask, by a loopback address.")


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
