"""What aiokafka's client sends of our own requests, and reads: the bytes of Kafka's message definitions."""

from io import BytesIO

import pytest

from notifier.net.kafka.requests import ApiVersions, ApiVersionsResponseV3, Commit, EndTxnResponseV5, Produce

VERSIONS = {0: (0, 13), 18: (0, 4), 26: (0, 5)}  # by API key, as of Kafka 4
# transaction.version 2 and metadata.version 30, as a broker of Kafka 4.3.1 tells them.
FINALIZED = b"\x03\x14transaction.version\x00\x02\x00\x02\x00\x11metadata.version\x00\x1e\x00\x1e\x00"


def test_a_produce_request() -> None:
    topics = [("ev", [(1, bytearray(b"batch"))]), ("sh", [(2, bytearray(b"x")), (3, bytearray())])]
    request = Produce("p-3", -1, 10_000, topics).prepare(VERSIONS)
    assert request.build_request_header(5, "me").encode() == b"\x00\x00\x00\x0c\x00\x00\x00\x05\x00\x02me\x00"
    assert request.encode() == (
        b"\x04p-3\xff\xff\x00\x00\x27\x10"
        b"\x03"
        b"\x03ev\x02\x00\x00\x00\x01\x06batch\x00\x00"
        b"\x03sh\x03\x00\x00\x00\x02\x02x\x00\x00\x00\x00\x03\x01\x00\x00"
        b"\x00"
    )


def test_a_produce_answer_with_a_refused_record_and_a_new_leader() -> None:
    leader = b"\x01\x00\x08\x00\x00\x00\x02\x00\x00\x00\x09"  # a tag that nobody asks for
    answer = Produce.prepare(Produce("p", -1, 1, []), VERSIONS).RESPONSE_TYPE.decode(
        BytesIO(
            b"\x02\x03ev\x02\x00\x00\x00\x01\x00\x06" + b"\xff" * 24 +
            b"\x02\x00\x00\x00\x00\x04bad\x00" + b"\x00" + leader + b"\x00" + b"\x00\x00\x00\x07\x00"
        )
    )  # fmt: skip
    [(topic, [(partition, code, *_)], _)] = answer.topics
    assert (topic, partition, code, answer.throttle_time_ms) == ("ev", 1, 6, 7)


def test_a_commit_and_its_answer() -> None:
    request = Commit("p-3", 7, 2).prepare(VERSIONS)
    assert request.build_request_header(5, "me").encode() == b"\x00\x1a\x00\x05\x00\x00\x00\x05\x00\x02me\x00"
    assert request.encode() == b"\x04p-3\x00\x00\x00\x00\x00\x00\x00\x07\x00\x02\x01\x00"
    answer = EndTxnResponseV5.decode(BytesIO(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x00\x03\x00"))
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (0, 7, 3)


@pytest.mark.parametrize(
    ("tags", "level"),
    [
        (b"\x00", 0),
        (b"\x01\x02" + bytes([len(FINALIZED)]) + FINALIZED, 2),
        (b"\x02\x01\x08" + bytes(8) + b"\x02" + bytes([len(FINALIZED)]) + FINALIZED, 2),
        (b"\x01\x02\x01\x01", 0),
    ],
)
def test_the_version_of_a_feature(tags: bytes, level: int) -> None:
    request = ApiVersions("order-notifier", "0.1.0").prepare(VERSIONS)
    assert request.encode() == b"\x0forder-notifier\x060.1.0\x00"
    body = BytesIO(b"\x00\x00\x00\x05" + b"\x00\x00\x02\x00\x00\x00\x00\x00\x0d\x00" + bytes(4) + tags)
    assert request.parse_response_header(body).correlation_id == 5
    assert ApiVersionsResponseV3.decode(body).level("transaction.version") == level
