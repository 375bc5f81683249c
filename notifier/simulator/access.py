"""Who may ask: tokens, their ends, and the token endpoint's side of OAuth 2.0 (RFC 6749, client_credentials).

The documents want the bare token (progress, taxi v1), `Bearer` (business v2) or an OAuth token (track & trace); each
API takes all three forms, since what they would do with another one is not documented.
"""

import binascii
from base64 import b64decode
from collections.abc import Collection, Mapping

from notifier.simulator.apis.base import Refusal
from notifier.simulator.lives.draw import number

_EXPIRED = "Access token has been expired. You should request a new one"


class Access:
    """`tokens`: those that are good for ever, None for any text. Issued ones end after `ttl` seconds, or by `expire`.

    `oauth_clients`: client id to secret, None for any client.
    """

    def __init__(
        self, seed: int, tokens: Collection[str] | None, oauth_clients: Mapping[str, str] | None, ttl: float
    ) -> None:
        self._seed = seed
        self._tokens = tokens
        self._oauth_clients = oauth_clients
        self.ttl = ttl
        self.asked = 0
        self._issued: dict[str, int] = {}
        self._seen: set[str] = set()
        self._revoked: set[str] = set()

    def refuse(self, authorization: str | None, now: int) -> Refusal | None:
        """401 for a header that carries no good token at `now` (ms)."""
        scheme, _, token = (authorization or "").strip().rpartition(" ")
        if not token or scheme.lower() not in ("", "bearer", "oauth"):
            return Refusal(401, "UNAUTHORIZED", "The OAuth token is missing")
        if token in self._issued:
            return None if now < self._issued[token] else Refusal(401, "UNAUTHORIZED", _EXPIRED)
        if token in self._revoked:
            return Refusal(401, "UNAUTHORIZED", _EXPIRED)
        if self._tokens is not None and token not in self._tokens:
            return Refusal(401, "UNAUTHORIZED", "The OAuth token is incorrect")
        self._seen.add(token)
        return None

    def expire(self) -> None:
        """Every token issued or used so far is refused from now on."""
        self._issued = dict.fromkeys(self._issued, 0)
        self._revoked |= self._seen
        self._seen = set()

    def issue(self, authorization: str | None, grant_type: str, now: int) -> dict[str, object] | Refusal:
        """The token endpoint's answer (RFC 6749, 4.4.3), or its refusal (5.2): 401 invalid_client, 400 otherwise."""
        if not self._known(authorization):
            return Refusal(401, "invalid_client", "Client authentication by HTTP Basic failed")
        if grant_type != "client_credentials":
            return Refusal(400, "unsupported_grant_type", "Only client_credentials is supported")
        token = f"sim-token-{number(self._seed, 'token', len(self._issued), digits=12)}"
        self._issued[token] = now + round(self.ttl * 1_000)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.ttl}

    def _known(self, authorization: str | None) -> bool:
        scheme, _, credentials = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            client, colon, secret = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        if self._oauth_clients is None:
            return bool(client and colon)
        return client in self._oauth_clients and self._oauth_clients[client] == secret
