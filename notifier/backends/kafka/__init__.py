"""The backend for many replicas: everything durable in Kafka's topics, each shard owned by one replica."""
