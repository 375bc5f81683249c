"""Each way to log in, on real brokers; and that a wrong password says so, which aiokafka tells to its log only."""

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

from notifier.errors import Refused, Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from tests.kafka.certificates import KEY_PASSWORD
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters
from tests.net.kafka.build import clients

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def guarded(module_clusters: Clusters) -> Cluster:
    return module_clusters(sasl=True)


@pytest.fixture(scope="module")
def encrypted(module_clusters: Clusters) -> Cluster:
    return module_clusters(sasl=True, mutual_tls=True)


async def connects(made: Clients) -> None:
    """All sorts of clients, and the words of the first that does not."""
    try:
        writing = await made.transactions("p-0", 10)
        for client in (await made.producer(), await made.consumer(), await made.admin(), writing):
            await end(client)
    finally:
        await made.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_user_logs_in_with_a_password(guarded: Cluster, mechanism: str) -> None:
    await connects(
        clients(
            guarded.bootstrap_servers,
            protocol="SASL_PLAINTEXT",
            mechanism=mechanism,
            username=guarded.user,
            password=guarded.password,
        )
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_says_so(guarded: Cluster, mechanism: str) -> None:
    made = clients(
        guarded.bootstrap_servers,
        protocol="SASL_PLAINTEXT",
        mechanism=mechanism,
        username=guarded.user,
        password="wr0ng-word",
    )

    with pytest.raises(Refused, match="refuse the login: correct the user, the password") as caught:
        await connects(made)
    assert "wr0ng-word" not in str(caught.value)
    assert isinstance(caught.value.__cause__, SaslAuthenticationFailed)
    alone = AIOKafkaProducer(**made.options())
    with pytest.raises(KafkaConnectionError, match="Unable to bootstrap"):  # is all that aiokafka says
        await alone.start()
    await end(alone, 0)


async def test_the_password_of_a_new_connection_is_that_in_the_file_now(guarded: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    made = clients(
        guarded.bootstrap_servers,
        protocol="SASL_PLAINTEXT",
        mechanism="PLAIN",
        username=guarded.user,
        password_file=str(file),
    )
    with pytest.raises(Refused):
        await made.producer()

    file.write_text(guarded.password)
    await connects(made)


async def test_a_client_that_does_not_log_in_where_it_must_is_told_of_the_protocol(guarded: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"does its listener speak PLAINTEXT\? Else correct security\.protocol"):
        await connects(clients(guarded.bootstrap_servers))


# --- tokens ----------------------------------------------------------------------------------------------------------


class Issuer:
    """Hands out tokens that nobody signed, as the test's brokers take them."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.url = ""

    async def token(self, _: web.Request) -> web.Response:
        self.asked += 1
        now = int(time.time())
        parts = [{"alg": "none"}, {"sub": "us", "iat": now, "exp": now + 3600}]
        token = ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts)
        body = {"access_token": f"{token}.", "expires_in": 3600} if self.status == 200 else {"error": "invalid_client"}
        return web.json_response(body, status=self.status)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_post("/token", issuer.token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield issuer
    await runner.cleanup()


def by_token(cluster: Cluster, issuer: Issuer) -> Clients:
    oauth2 = {"token_url": issuer.url, "client_id": "us", "client_secret": "s3cret"}
    return clients(cluster.bootstrap_servers, protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", oauth2=oauth2)


async def test_a_token_serves_all_clients(guarded: Cluster, issuer: Issuer) -> None:
    await connects(by_token(guarded, issuer))

    assert issuer.asked == 1


async def test_a_token_that_is_not_handed_out_says_so(guarded: Cluster, issuer: Issuer) -> None:
    issuer.status = 401

    with pytest.raises(Refused, match="no token: unauthorized: token request: HTTP 401, invalid_client") as caught:
        await connects(by_token(guarded, issuer))
    assert "s3cret" not in str(caught.value)


# --- TLS -------------------------------------------------------------------------------------------------------------


def over_tls(cluster: Cluster, **other: str) -> Clients:
    tls = cluster.tls
    assert tls is not None
    files = {"cert_file": str(tls.client_certificate), "key_file": str(tls.client_key), "ca_file": str(tls.ca)}
    login = {"mechanism": "SCRAM-SHA-512", "username": cluster.user, "password": cluster.password}
    security = {"protocol": "SASL_SSL", **login, **files, **other}
    return clients(cluster.bootstrap_servers, **{key: value for key, value in security.items() if value})


async def test_both_sides_show_certificates(encrypted: Cluster) -> None:
    assert encrypted.tls is not None
    await connects(over_tls(encrypted))
    await connects(over_tls(encrypted, key_file=str(encrypted.tls.locked_client_key), key_password=KEY_PASSWORD))


async def test_a_broker_whose_certificate_nobody_vouches_for_is_refused(encrypted: Cluster) -> None:
    with pytest.raises(Refused, match=r"certificate is not trusted: correct security\.ca_file"):
        await connects(over_tls(encrypted, ca_file=""))


async def test_a_client_without_the_certificate_that_brokers_want_is_told_so(encrypted: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"security\.cert_file"):
        await connects(over_tls(encrypted, cert_file="", key_file=""))


async def test_a_plain_client_is_told_of_the_protocol(encrypted: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"does its listener speak PLAINTEXT\?"):
        await connects(clients(encrypted.bootstrap_servers))


async def test_tls_to_a_plain_listener_is_told_apart_from_no_broker(guarded: Cluster, encrypted: Cluster) -> None:
    assert encrypted.tls is not None
    with pytest.raises(Unavailable, match=r"no TLS connection|does its listener speak SSL\?"):
        await connects(clients(guarded.bootstrap_servers, protocol="SSL", ca_file=str(encrypted.tls.ca)))
