"""Requests that aiokafka does not have: those of transactions of version 2, and which version a cluster has.

Source: the message definitions of Apache Kafka's clients (ProduceRequest, EndTxnRequest, ApiVersionsRequest) and
KIP-890. A flexible request ends each structure with tagged fields; these here send none.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, TypeAlias

from aiokafka.protocol.api import Request, RequestStruct, Response, ResponseHeader_v0
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

Topics: TypeAlias = Sequence[tuple[str, Sequence[tuple[int, bytearray]]]]
"""Each with its partitions and a batch for each."""

_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)
_FINALIZED_FEATURES = 2  # the tag of what holds in the whole cluster


class ProduceResponseV12(Response):
    API_KEY = 0
    API_VERSION = 12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("offset", Int64),
                        ("timestamp", Int64),
                        ("log_start_offset", Int64),
                        ("record_errors", CompactArray(("index", Int32), ("message", _TEXT), _TAGS)),
                        ("error_message", _TEXT),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
        ("throttle_time_ms", Int32),
        _TAGS,
    )


class ProduceRequestV12(RequestStruct):
    """With a transactional id it also adds its partitions to the transaction, and begins it."""

    API_KEY = 0
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = ProduceResponseV12
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("acks", Int16),
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                ("partitions", CompactArray(("partition", Int32), ("records", CompactBytes), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class Produce(Request[ProduceRequestV12]):
    API_KEY = 0

    def __init__(self, id: str, acks: int, timeout_ms: int, topics: Topics) -> None:
        self._id = id
        self._acks = acks
        self._timeout_ms = timeout_ms
        self._topics = topics

    def build(self, request_struct_class: type[ProduceRequestV12]) -> ProduceRequestV12:
        topics: list[Any] = [(topic, [(*each, {}) for each in partitions], {}) for topic, partitions in self._topics]
        return request_struct_class(self._id, self._acks, self._timeout_ms, topics, {})


class EndTxnResponseV5(Response):
    """The producer that the next transaction is written by: as a rule the same one, its epoch one higher."""

    API_KEY = 26
    API_VERSION = 5
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        _TAGS,
    )


class EndTxnRequestV5(RequestStruct):
    API_KEY = 26
    API_VERSION = 5
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = EndTxnResponseV5
    SCHEMA = Schema(
        ("transactional_id", _TEXT), ("producer_id", Int64), ("producer_epoch", Int16), ("committed", Boolean), _TAGS
    )


class Commit(Request[EndTxnRequestV5]):
    API_KEY = 26

    def __init__(self, id: str, producer_id: int, producer_epoch: int) -> None:
        self._id = id
        self._producer = (producer_id, producer_epoch)

    def build(self, request_struct_class: type[EndTxnRequestV5]) -> EndTxnRequestV5:
        return request_struct_class(self._id, *self._producer, True, {})


class ApiVersionsResponseV3(Response):
    API_KEY = 18
    API_VERSION = 3
    SCHEMA = Schema(
        ("error_code", Int16),
        ("api_versions", CompactArray(("api_key", Int16), ("min_version", Int16), ("max_version", Int16), _TAGS)),
        ("throttle_time_ms", Int32),
        _TAGS,
    )
    tags: dict[int, bytes]

    def level(self, feature: str) -> int:
        """The highest version of it that the whole cluster has agreed on; 0: none."""
        found = BytesIO(self.tags.get(_FINALIZED_FEATURES, b"\0"))
        features = CompactArray(("name", _TEXT), ("max_version", Int16), ("min_version", Int16), _TAGS).decode(found)
        return next((highest for name, highest, *_ in features or () if name == feature), 0)


class ApiVersionsRequestV3(RequestStruct):
    API_KEY = 18
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = ApiVersionsResponseV3
    SCHEMA = Schema(("client_software_name", _TEXT), ("client_software_version", _TEXT), _TAGS)

    def parse_response_header(self, read_buffer: BytesIO | bytes) -> ResponseHeader_v0:
        """The one answer whose header never got tagged fields: old clients must be able to read it."""
        header: ResponseHeader_v0 = ResponseHeader_v0.decode(read_buffer)
        return header


class ApiVersions(Request[ApiVersionsRequestV3]):
    API_KEY = 18

    def __init__(self, name: str, version: str) -> None:
        """Of this software, for the brokers' statistics: letters, digits, dots and hyphens."""
        self._software = (name, version)

    def build(self, request_struct_class: type[ApiVersionsRequestV3]) -> ApiVersionsRequestV3:
        return request_struct_class(*self._software, {})
