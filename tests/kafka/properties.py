"""What a broker's server.properties says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.kafka.certificates import Certificates
from tests.kafka.processes import HOST

USER, PASSWORD = "tester", "s3cret-passw0rd"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER")

_LOGIN = "org.apache.kafka.common.security"
_MODULES = {
    "SCRAM-SHA-256": f"{_LOGIN}.scram.ScramLoginModule required;",
    "SCRAM-SHA-512": f"{_LOGIN}.scram.ScramLoginModule required;",
    "PLAIN": f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
    # Without a validator it takes tokens that nobody signed, as long as they are in time.
    "OAUTHBEARER": f'{_LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
}


class Broker(msgspec.Struct):
    """`port` is for clients; `internal_port`, without TLS or login, for the other brokers and for us."""

    id: int
    port: int
    controller_port: int
    internal_port: int
    pid: int | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What sort of cluster is wanted."""

    brokers: int = 1
    sasl: bool = False
    tls: bool = False
    mutual_tls: bool = False
    properties: Mapping[str, str] = {}
    features: Mapping[str, int] = {}  # their versions, where not the newest

    @property
    def encrypted(self) -> bool:
        return self.tls or self.mutual_tls

    @property
    def protocol(self) -> str:
        if self.sasl:
            return "SASL_SSL" if self.encrypted else "SASL_PLAINTEXT"
        return "SSL" if self.encrypted else "PLAINTEXT"


def server_properties(
    wish: Wish, broker: Broker, brokers: Sequence[Broker], data: Path, tls: Certificates | None
) -> dict[str, object]:
    """Each broker is a controller, too (KRaft). As Kafka ships it, but for fewer internal partitions and no waiting."""
    listeners = [f"CLIENT://{HOST}:{broker.port}", f"INTERNAL://{HOST}:{broker.internal_port}"]
    replicas, in_sync = min(3, len(brokers)), min(2, len(brokers))
    properties: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": broker.id,
        "controller.quorum.voters": ",".join(f"{each.id}@{HOST}:{each.controller_port}" for each in brokers),
        "listeners": ",".join([*listeners, f"CONTROLLER://{HOST}:{broker.controller_port}"]),
        "advertised.listeners": ",".join(listeners),
        "listener.security.protocol.map": f"CLIENT:{wish.protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 << 20,  # the default takes a quarter of the heap
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        properties |= {f"{topic}.replication.factor": replicas, f"{topic}.num.partitions": 5}
    if wish.sasl:
        properties["sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
        for mechanism, module in _MODULES.items():
            properties[f"listener.name.client.{mechanism.lower()}.sasl.jaas.config"] = module
    if tls:
        properties |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": tls.broker}
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": tls.ca}
    if wish.mutual_tls:
        properties["listener.name.client.ssl.client.auth"] = "required"
    return properties | dict(wish.properties)
