import hmac
import json
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from notifier.sinks.signing import (
    NotVerified,
    PrivateKey,
    SymmetricKey,
    derive,
    parse_keys,
    sign,
    signing_keys,
    verify,
)
from tests.sinks.make import PRIVATE, SECRET

ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
PUBLIC = "whpk_" + b64encode(b64decode(PRIVATE.removeprefix("whsk_"))[32:]).decode()
NOW = TIMESTAMP * 1000
OTHER = "whsec_" + b64encode(b"o" * 32).decode()


def headers(signature: str, timestamp: int | str = TIMESTAMP, id: str = ID) -> dict[str, str]:
    return {"Webhook-Id": id, "webhook-timestamp": str(timestamp), "WEBHOOK-SIGNATURE": signature}


@pytest.mark.parametrize(("key", "signature"), [(SECRET, V1), (PRIVATE, V1A)])
def test_the_vectors_of_the_specification(key: str, signature: str) -> None:
    keys = signing_keys(key)

    assert sign(ID, TIMESTAMP, BODY, keys) == signature
    verify(headers(signature), BODY, keys, NOW)


def test_every_key_signs_and_any_of_them_verifies() -> None:
    signature = sign(ID, TIMESTAMP, BODY, signing_keys(f"{SECRET}\n\n  {PRIVATE}  \n{OTHER}\n"))

    assert signature.startswith(f"{V1} {V1A} v1,")
    for key in (SECRET, PRIVATE, OTHER, PUBLIC):
        verify(headers(signature), BODY, parse_keys(key), NOW)
    verify(headers(V1), BODY, parse_keys(f"{OTHER}\n{SECRET}"), NOW)


def test_what_a_later_version_adds_is_skipped() -> None:
    verify(headers(f"v2,!!! v1a,AAAA nonsense {V1}"), BODY, parse_keys(SECRET), NOW)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"signature": V1.replace("g0h", "h0g")}, "no signature matches"),
        ({"signature": V1A}, "no signature matches"),
        ({"signature": "v1,"}, "no signature matches"),
        ({"signature": V1.replace("v1,", "v1a,")}, "no signature matches"),
        ({"signature": "v1,\u00e9"}, "no signature matches"),
        ({"signature": ""}, "the header webhook-signature is missing"),
        ({"signature": V1, "id": "msg_other"}, "no signature matches"),
        ({"signature": V1, "timestamp": "+1614265330"}, "not a number of seconds"),
        ({"signature": V1, "timestamp": "1614265330.0"}, "not a number of seconds"),
        ({"signature": V1, "timestamp": "٣"}, "not a number of seconds"),
        ({"signature": V1, "timestamp": TIMESTAMP + 301}, "more than 300 s off"),
        ({"signature": V1, "timestamp": TIMESTAMP - 301}, "more than 300 s off"),
    ],
)
def test_what_is_not_right_is_refused(changed: dict[str, str], words: str) -> None:
    with pytest.raises(NotVerified, match=words):
        verify(headers(**changed), BODY, parse_keys(SECRET), NOW)


def test_another_body_or_key_is_refused() -> None:
    with pytest.raises(NotVerified):
        verify(headers(V1), BODY + b" ", parse_keys(SECRET), NOW)
    with pytest.raises(NotVerified):
        verify(headers(f"{V1} {V1A}"), BODY, parse_keys(OTHER), NOW)


def test_the_tolerance_is_the_receivers_choice() -> None:
    verify(headers(V1), BODY, parse_keys(SECRET), NOW + 300_000)
    verify(headers(V1), BODY, parse_keys(SECRET), 0, tolerance=None)
    with pytest.raises(NotVerified, match="more than 10 s off"):
        verify(headers(V1), BODY, parse_keys(SECRET), NOW + 11_000, tolerance=10)


values = st.one_of(st.none(), st.booleans(), st.integers(), st.text())
bodies = st.dictionaries(st.text(), st.one_of(values, st.lists(values))).map(lambda value: json.dumps(value).encode())


@given(st.binary(min_size=24, max_size=64), bodies, st.uuids().map(str))
def test_the_reference_library_agrees(raw: bytes, body: bytes, id: str) -> None:
    text = "whsec_" + b64encode(raw).decode()
    timestamp = int(datetime.now(UTC).timestamp())
    signature = sign(id, timestamp, body, signing_keys(f"{OTHER}\n{text}"))

    told = {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    assert Webhook(text).verify(body, told) == json.loads(body)
    theirs = Webhook(text).sign(id, datetime.fromtimestamp(timestamp, UTC), body.decode())
    verify(told | {"webhook-signature": theirs}, body, parse_keys(text), timestamp * 1000)


@given(st.binary(max_size=200), st.lists(st.sampled_from([SECRET, PRIVATE, OTHER]), min_size=1, unique=True))
def test_what_is_signed_verifies_byte_for_byte(body: bytes, keys: list[str]) -> None:
    signature = sign(ID, TIMESTAMP, body, signing_keys("\n".join(keys)))

    for key in keys:
        verify(headers(signature), body, parse_keys(key), NOW)
        with pytest.raises(NotVerified):
            verify(headers(signature), body + b"\0", parse_keys(key), NOW)


def test_the_secret_of_an_url_is_derived_as_documented() -> None:
    key = signing_keys(SECRET)[0]
    assert isinstance(key, SymmetricKey)
    url = "https://example.org/хук"
    digest = hmac.new(b64decode(SECRET.removeprefix("whsec_")), b"webhook-secret:" + url.encode(), sha256).digest()

    assert derive(key, url) == "whsec_" + b64encode(digest).decode()
    assert derive(key, url + "/") != derive(key, url)
    assert sign(ID, TIMESTAMP, BODY, signing_keys(derive(key, url))) == sign(ID, TIMESTAMP, BODY, [key.derived(url)])


BROKEN = "whsk_" + b64encode(b64decode(PRIVATE.removeprefix("whsk_"))[:32] + b"x" * 32).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the secret is empty"),
        (" \n\n", "the secret is empty"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "line 1 of the secret does not begin with whsec_, whsk_ or whpk_"),
        (f"{SECRET}\nwhsec_M!KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "line 2 of the secret is not base64"),
        ("whsec_", "holds 0 bytes"),
        ("whsec_c2hvcnQ=", "holds 5 bytes: whsec_ wants base64 of 24 to 64"),
        ("whsec_" + b64encode(b"x" * 65).decode(), "holds 65 bytes"),
        ("whsk_" + b64encode(b"x" * 33).decode(), "holds 33 bytes"),
        ("whpk_" + b64encode(b"x" * 33).decode(), "holds 33 bytes"),
        (BROKEN, "do not belong together"),
        (PUBLIC, "can only verify"),
    ],
)
def test_a_bad_secret_says_what_to_do_and_is_not_shown(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        signing_keys(text)

    assert not [line for line in text.split() if len(line) > 6 and line[6:] in str(caught.value)]


def test_forms_of_a_key() -> None:
    assert isinstance(signing_keys(PRIVATE)[0], PrivateKey)
    seed = "whsk_" + b64encode(b64decode(PRIVATE.removeprefix("whsk_"))[:32]).decode()
    assert sign(ID, TIMESTAMP, BODY, signing_keys(seed)) == V1A
    unpadded = "whsec_" + b64encode(b"x" * 25).decode().rstrip("=")
    assert len(parse_keys(unpadded)) == 1
    assert "MfKQ" not in repr(signing_keys(SECRET))
