"""A source's settings become a client: credential, budget, breaker and connections."""

from notifier.clock import Clock
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.breaker import Breaker
from notifier.net.budget import Budget
from notifier.net.credentials import Credential, NoCredential, TokenCredential
from notifier.net.fetch import Fetch
from notifier.net.oauth2 import OAuth2Credential
from notifier.net.order_api import BREAKER_HOLD, TOKEN_ANSWER, OrderApi, Refusing
from notifier.sources.base import SourceSettings


def build_order_api(
    name: str, settings: SourceSettings, source: Refusing, clock: Clock, fetch: Fetch | None = None
) -> OrderApi:
    """From a source's settings. `fetch`: instead of the real client, for token requests too."""
    timeout = min(settings.timeout, settings.retry_for or settings.timeout)
    budget = settings.budget
    return OrderApi(
        source,
        fetch or AiohttpFetch(timeout_ms=timeout, max_body=settings.max_body, concurrency=budget.concurrency),
        _credential(settings, clock, timeout, fetch),
        Budget(budget.requests_per_second, budget.concurrency, clock, patience=settings.retry_for / 1000),
        Breaker(1, BREAKER_HOLD),
        retry_for_ms=settings.retry_for,
        clock=clock,
        name=name,
    )


def _credential(settings: SourceSettings, clock: Clock, timeout: int, fetch: Fetch | None) -> Credential:
    if oauth2 := settings.oauth2:
        return OAuth2Credential(
            fetch or AiohttpFetch(timeout_ms=timeout, max_body=TOKEN_ANSWER, concurrency=1),
            clock,
            token_url=oauth2.token_url,
            client_id=oauth2.client_id,
            client_secret=oauth2.secret,
            scope=oauth2.scope,
            scheme=settings.scheme,
        )
    return TokenCredential(settings.secret, settings.scheme) if settings.secret else NoCredential()
