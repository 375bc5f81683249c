"""A token that OAuth 2.0 hands out for client credentials (RFC 6749, 4.4) and that ends."""

import asyncio
import math
from base64 import b64encode
from urllib.parse import quote_plus, urlencode

import orjson
import structlog

from notifier.clock import Clock
from notifier.errors import LookFailed, Reason
from notifier.fields import Secret
from notifier.model import Instant
from notifier.net.credentials import authorization
from notifier.net.fetch import Fetch, Request, Response
from notifier.net.retry_after import retry_after

log = structlog.get_logger()

RENEW_BEFORE = 30.0  # seconds before its end, or a tenth of its life if that is longer; never before half of it
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between failing token requests


class OAuth2Credential:
    """Asked for when needed, again before it ends, once for all who wait. Token requests take no budget."""

    def __init__(
        self,
        fetch: Fetch,
        clock: Clock,
        *,
        token_url: str,
        client_id: str,
        client_secret: Secret,
        scope: str | None = None,
        scheme: str = "Bearer",
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._url = token_url
        self._client_id = client_id
        self._secret = client_secret
        self._scope = scope
        self._scheme = scheme
        self._header: str | None = None
        self._renew_at = -math.inf
        self._ends_at = -math.inf
        self._flight: asyncio.Task[LookFailed | None] | None = None
        self._failure: LookFailed | None = None  # of the last token request
        self._failures = 0
        self._not_before = -math.inf  # the next token request
        self._tried_with = ""

    async def header(self, now: float, /) -> str | None:
        if self._header is not None and now < self._renew_at:
            return self._header
        if self._header is not None and now < self._ends_at:
            if self._may_ask(now):
                self._take_off()  # it still serves: nobody needs to wait
            return self._header
        await self._renewed(now)
        if self._header is None:  # handed out, and refused to somebody else before we woke
            raise LookFailed(Reason.UNAUTHORIZED, "the new token was rejected")
        return self._header

    async def renew(self, rejected: str, /) -> bool:
        if self._header == rejected:
            self._header = None
        if self._header is None:
            await self._renewed(self._clock.monotonic())
        return True

    def changed(self, rejected: str, now: float, /) -> bool:
        """Also with a new client secret, which has not been tried yet."""
        if self._header is not None and self._header != rejected:
            return True
        return self._secret.get() != self._tried_with and self._may_ask(now)

    async def close(self) -> None:
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        await self._fetch.close()

    # --- the renewal -------------------------------------------------------------------------------------------

    def _may_ask(self, now: float) -> bool:
        return now >= self._not_before or self._secret.get() != self._tried_with

    async def _renewed(self, now: float) -> None:
        """A fresh token, or LookFailed. Within the pause after a failure it fails without a request."""
        failure = self._failure
        if not self._flying() and failure is not None and not self._may_ask(now):
            raise _again(failure, self._not_before - now)
        flight = self._take_off()
        try:
            # Shielded: whoever is cancelled while waiting must not take the others' renewal along.
            failure = await asyncio.shield(flight)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if flight.cancelled() and not (task and task.cancelling()):
                raise LookFailed(Reason.CONNECTION, "closed") from None  # by close(): nobody cancelled us
            raise
        if failure is not None:
            raise _again(failure, failure.after)

    def _take_off(self) -> "asyncio.Task[LookFailed | None]":
        if self._flight is None or self._flight.done():
            self._flight = asyncio.get_running_loop().create_task(self._ask(), name="token renewal")
        return self._flight

    def _flying(self) -> bool:
        return self._flight is not None and not self._flight.done()

    async def _ask(self) -> LookFailed | None:
        began = self._clock.monotonic()
        try:
            self._tried_with = self._secret.get()
            response = await self._fetch(self._request(self._tried_with))
            token, lasts = read_token(response, self._clock.now())
            self._header = authorization(self._scheme, token)
        except LookFailed as failure:
            self._failures += 1
            pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
            self._not_before = self._clock.monotonic() + max(pause, failure.after or 0.0)
            if self._failures == 1:
                log.warning("token_request_failed", reason=failure.reason, detail=failure.detail)
            self._failure = failure
            return failure
        if self._failures:
            log.info("token_request_recovered", failures=self._failures)
        self._failures, self._failure, self._not_before = 0, None, -math.inf
        self._ends_at = began + lasts
        self._renew_at = began + max(lasts / 2, min(lasts * 0.9, lasts - RENEW_BEFORE))
        return None

    def _request(self, secret: str) -> Request:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        # RFC 6749, 2.3.1: both parts are form-encoded before Basic joins them.
        pair = f"{quote_plus(self._client_id)}:{quote_plus(secret)}"
        return Request(
            self._url,
            headers=(
                ("Authorization", f"Basic {b64encode(pair.encode()).decode()}"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Accept", "application/json"),
            ),
            method="POST",
            body=urlencode(form).encode(),
        )


def read_token(response: Response, now: Instant) -> tuple[str, float]:
    """Token and the seconds that it lasts (inf where the answer does not tell); LookFailed in bounded words.

    RFC 6749, 5.1 and 5.2. A wrong `token_type` is tolerated: the source's own scheme is what its API wants.
    """
    status = response.status
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        answer = None
    told = answer if isinstance(answer, dict) else {}
    if not 200 <= status < 300:
        raise _refused(response, told.get("error"), now)
    token = told.get("access_token")
    if not isinstance(token, str) or not token:
        raise LookFailed(Reason.UNREADABLE, "token request: an answer without access_token", status=status)
    return token, _lifetime(told.get("expires_in"))


def _lifetime(told: object) -> float:
    """Some servers write the number as text. What makes no sense is taken as not told: 401 will say when it is over."""
    if isinstance(told, str):
        try:
            told = float(told)
        except ValueError:
            return math.inf
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < math.inf:
        return math.inf
    return float(told)


def _refused(response: Response, error: object, now: Instant) -> LookFailed:
    status = response.status
    words = f"token request: HTTP {status}"
    if isinstance(error, str) and len(error) <= 40 and error.replace("_", "").isalnum() and error.isascii():
        words += f", {error}"
    if status in (420, 429):
        return LookFailed(Reason.THROTTLED, words, status=status, after=retry_after(response.headers, now))
    if status >= 500:
        return LookFailed(Reason.SERVER_ERROR, words, status=status, after=retry_after(response.headers, now))
    if 300 <= status < 400:
        return LookFailed(Reason.REDIRECTED, words, status=status)
    return LookFailed(Reason.UNAUTHORIZED, words, status=status)


def _again(failure: LookFailed, after: float | None) -> LookFailed:
    """The same failure for each who waited: one exception object must not be raised in several tasks."""
    return LookFailed(
        failure.reason, failure.detail, after=None if failure.after is None else after, status=failure.status
    )
