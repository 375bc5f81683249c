"""SASL OAUTHBEARER (RFC 7628): the token that a client shows to the brokers, by client credentials."""

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import AuthenticationFailedError

from notifier.clock import Clock
from notifier.errors import LookFailed
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.oauth2 import OAuth2Credential
from notifier.net.order_api import TOKEN_ANSWER
from notifier.net.settings import OAuth2

TIMEOUT = 10_000  # ms


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    """One token for all clients, asked for when a connection is made, again before it ends."""

    def __init__(self, settings: OAuth2, clock: Clock) -> None:
        self._clock = clock
        self._credential = OAuth2Credential(
            AiohttpFetch(timeout_ms=TIMEOUT, max_body=TOKEN_ANSWER, concurrency=1),
            clock,
            token_url=settings.token_url,
            client_id=settings.client_id,
            client_secret=settings.secret,
            scope=settings.scope,
            scheme="",  # the bare token
        )

    async def token(self) -> str:
        try:
            return await self._credential.header(self._clock.monotonic()) or ""
        except LookFailed as failure:
            # Of all errors aiokafka survives only its own where a connection is made anew.
            raise AuthenticationFailedError(f"no token: {failure}") from failure

    async def close(self) -> None:
        await self._credential.close()
