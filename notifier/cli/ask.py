"""The client of a running service: its address and token, requests, problem documents as words."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from yarl import URL

from notifier.config.load import DEFAULT_PATH, load_api
from notifier.config.sections import ApiSettings
from notifier.config.tokens import read_tokens
from notifier.errors import ConfigError, NotifierError, Problem

FOREIGN = (aiohttp.ClientError, TimeoutError, OSError)
"""What aiohttp raises when there is no service, or no whole answer."""

TRIES = 4  # of a request that is safe to repeat and was answered 503

T = TypeVar("T")


class ServiceError(NotifierError):
    """The service is not there, or has refused. `status` is 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0, errors: tuple[Problem, ...] = ()) -> None:
        lines = [f"  {error.path}: {error.message}" if error.path else f"  {error.message}" for error in errors]
        super().__init__("\n".join([message, *lines]))
        self.status = status
        self.errors = errors


class Address(NamedTuple):
    url: str
    token: str | None

    def __repr__(self) -> str:
        return f"Address({self.url})"


def address(config: Path | None, url: str | None, token_file: Path | None) -> Address:
    """Where to ask, and with which token. ConfigError for files that cannot be used.

    Without `config` the default file counts if it exists, and the default address if not. A token of a configuration
    goes to that configuration's service, and to `url` only where both were named.
    """
    named = config if config is not None or not DEFAULT_PATH.exists() else DEFAULT_PATH
    api = ApiSettings() if named is None or (url is not None and config is None) else load_api(named)
    token_path = token_file if token_file is not None else Path(api.token_file) if api.token_file is not None else None
    return Address(_base(api) if url is None else _checked(url), None if token_path is None else _token(token_path))


def _base(api: ApiSettings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(api.host, api.host)
    return f"http://[{host}]:{api.port}" if ":" in host else f"http://{host}:{api.port}"


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError([Problem("--url", "is not an address: write it as http://127.0.0.1:8080")])
    return url.rstrip("/")


def _token(path: Path) -> str:
    """The first token that may write, else the first."""
    try:
        tokens = read_tokens(path)
    except ValueError as error:
        raise ConfigError([Problem("token file", str(error))]) from None
    return next((token.text for token in tokens if not token.read_only), tokens[0].text)


def key_path(prefix: str, key: str, suffix: str = "") -> str:
    """'/v1/orders', 'trips/a b' -> '/v1/orders/trips/a%20b': each segment of a key is encoded by itself."""
    return "/".join([prefix, *(quote(segment, safe="") for segment in key.split("/"))]) + suffix


class Service:
    """Requests to one service: `async with Service(address) as service`. ServiceError for all that goes wrong."""

    def __init__(self, address: Address, timeout: float = 30.0) -> None:
        self._address = address
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=5)

    async def __aenter__(self) -> Self:
        token = self._address.token
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.session = aiohttp.ClientSession(headers=headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.session.close()

    def url(self, path: str) -> URL:
        return URL(self._address.url + path, encoded=True)

    async def get(self, path: str, params: Mapping[str, str | None] | None = None) -> Any:
        return (await self._ask("GET", path, params=params))[1]

    async def post(self, path: str, body: bytes | None = None) -> tuple[int, Any]:
        return await self._ask("POST", path, body=body)

    async def delete(self, path: str) -> None:
        await self._ask("DELETE", path)

    async def items(self, path: str, params: Mapping[str, str | None]) -> AsyncIterator[Any]:
        """Everything that a list has, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(path, {"limit": "500", **params, "cursor": cursor})
            for item in page["items"]:
                yield item
            if (cursor := page["next"]) is None:
                return

    async def _ask(
        self, method: str, path: str, params: Mapping[str, str | None] | None = None, body: bytes | None = None
    ) -> tuple[int, Any]:
        url = self.url(path).update_query({name: value for name, value in (params or {}).items() if value is not None})
        headers = {} if body is None else {"Content-Type": "application/json"}
        for left in range(TRIES - 1, -1, -1):
            try:
                async with self.session.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    raw = await response.read()
                    wait = response.headers.get("Retry-After", "")
                    if response.status == 503 and left and wait.isascii() and wait.isdigit():
                        await asyncio.sleep(min(int(wait), 5))
                        continue
                    return response.status, self._content(response.status, raw)
            except FOREIGN as error:
                raise self.absent(error) from None
        raise AssertionError("the last try returns or raises")

    def _content(self, status: int, raw: bytes) -> Any:
        if status == 204:
            return None
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            content = None
        if status < 300 and content is not None:
            return content
        raise self.refused(status, content)

    def absent(self, error: BaseException) -> ServiceError:
        return ServiceError(
            f"no service answers at {self._address.url} ({_reason(error)}): start one with `notifier run`, "
            "or say where it is with -c or --url"
        )

    def refused(self, status: int, content: object) -> ServiceError:
        """The words of a problem document, or what is known without one."""
        document = content if isinstance(content, Mapping) else {}
        if status == 401:
            if self._address.token is None:
                return ServiceError("the service wants a token: give one with --token-file, or in -c", status)
            return ServiceError(
                "the service does not know this token: give another one with --token-file, or in -c", status
            )
        detail = document.get("detail") or document.get("title")
        if not isinstance(detail, str):
            return ServiceError(
                f"{self._address.url} answered {status}, and not as the notifier does: is --url right?", status
            )
        errors = document.get("errors")
        problems = tuple(
            Problem(str(error.get("path", "")), str(error.get("message", "")))
            for error in (errors if isinstance(errors, list) else ())
            if isinstance(error, Mapping)
        )
        return ServiceError(f"the service answered {status}: {detail}", status, problems)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "not in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return type(error).__name__


def ask(where: Address, question: Callable[[Service], Awaitable[T]]) -> T:
    """One command's conversation with the service."""

    async def converse() -> T:
        async with Service(where) as service:
            return await question(service)

    return asyncio.run(converse())
