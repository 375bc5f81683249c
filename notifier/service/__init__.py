"""The loops: supervisor (leases), shard (orders and commands), poller, deliverer, committer."""
