"""Which shard an order belongs to: as Kafka's Java client partitions, so that any service may write watches. Pure.

Source: Apache Kafka 4.3, `Utils.murmur2` and `BuiltInPartitioner.partitionForKey`; librdkafka calls it
`partitioner=murmur2_random`.
"""

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """MurmurHash2 with Kafka's seed, unsigned 32 bits."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def shard_of(key: str, shards: int) -> int:
    """0 to `shards` - 1."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % shards
