"""Real Apache Kafka for the tests: brokers of our own on 127.0.0.1, by Java 17 and jars that Maven fetches once.

Fixtures (`plugin.py`; any test may ask for them, and gets the marker `kafka` by that):

- `kafka`: one plain broker that all tests and all workers of a session share, started by the first test that asks.
  `kafka.bootstrap_servers` is the tuple that the settings want. It is everybody's: never stop or pause it.
  `KAFKA_BOOTSTRAP_SERVERS=host:port,…` names another one that runs already.
- `prefix`: a text that no other test has; begin the names of topics, groups and transactional ids with it.
- `clusters`: makes brokers of a test's own, gone after it:

      cluster = clusters(brokers=3)                     # replication 3, min.insync.replicas 2
      cluster = clusters(sasl=True)                     # `cluster.user`, `cluster.password`; SCRAM, PLAIN, OAUTHBEARER
      cluster = clusters(tls=True)                      # `cluster.tls.ca`
      cluster = clusters(mutual_tls=True)               # also `cluster.tls.client_certificate`, `.client_key`
      cluster = clusters(properties={"auto.create.topics.enable": "true"})
      cluster.kill(1); cluster.pause(1); cluster.resume(1); cluster.stop(1); cluster.restart(1)

  A cluster takes 4 to 8 s to start, so a module's tests may share one: `module_clusters` is the same for a module.
  All these calls block: from a coroutine `await asyncio.to_thread(cluster.restart, 1)`.

Without Java, without Maven, or where Maven can fetch nothing, the tests are skipped and say why; in CI a skip fails.
Brokers end with the tests, also when those are killed. `python -m tests.kafka` runs one by hand: see its --help.
"""
