"""The address guard: the list by itself, and at the connection with every form of an address."""

import socket
from collections.abc import AsyncIterator, Sequence
from ipaddress import IPv6Address, ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import LookFailed, Reason
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.fetch import Request
from notifier.net.guard import Guard
from tests.net.peer import Peer, http

FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1",
    "ff02::1", "4000::1", "8000::1", "::ffff:0:127.0.0.1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255",
    "192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
    "::ffff:8.8.8.8", "2001:4860:4860::8888", "2400::1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_forbidden(address: str) -> None:
    assert Guard().refusal(address, plain=False)
    assert Guard().refusal(address, plain=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_ones_by_https_only(address: str) -> None:
    assert Guard().refusal(address, plain=False) is None
    assert "https" in (Guard().refusal(address, plain=True) or "")


@pytest.mark.parametrize("text", ["", "localhost", "0x7f.1", "2130706433", "127.1", "[::1]", "127.0.0.1 ", "1.2.3.4.5"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    assert Guard(["0.0.0.0/0", "::/0"]).refusal(text, plain=False)


@given(st.ip_addresses())
def test_whatever_the_library_calls_special_is_refused_too(address: object) -> None:
    ip = ip_address(str(address))
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        return  # judged by what is inside: the next test
    if ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        assert Guard().refusal(str(ip), plain=False)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_the_one_inside(address: object) -> None:
    guard = Guard(["127.0.0.0/8"])
    assert guard.refusal(f"::ffff:{address}", plain=False) == guard.refusal(str(address), plain=False)


def test_allowed_networks_are_exceptions_for_http_too() -> None:
    guard = Guard(["127.0.0.0/8", "fd00::/8", "10.1.2.3"])
    for address in ("127.0.0.1", "::ffff:127.9.9.9", "fd00::5", "10.1.2.3"):
        assert guard.refusal(address, plain=True) is None
        assert guard.refusal(address, plain=False) is None
    for address in ("10.1.2.4", "192.168.0.1", "::1", "fc00::1"):
        assert guard.refusal(address, plain=False)


@pytest.mark.parametrize("text", ["localhost", "10.0.0.5/8", "10.0.0.0/33", ""])
def test_a_wrong_network_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as 10\.0\.0\.0/8"):
        Guard([text])


# --- what the URL alone tells -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://127.1/x", "https://0x7f.1/x", "https://0x7f000001/", "https://2130706433/",
        "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
        "https://169.254.169.254/latest/meta-data", "https://user:secret@10.0.0.1/", "http://8.8.8.8/", "http://[2400::1]/",
        "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "//8.8.8.8/", "8.8.8.8", "", "https://", "https:///x",
        "https://[::1", "https://a:99999/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_urls_that_are_refused_at_sight(url: str) -> None:
    with pytest.raises(LookFailed) as failure:
        Guard().check_url(url)
    assert failure.value.reason is Reason.FORBIDDEN_TARGET
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://example.org/hook", "https://example.org/hook"),
        ("https://example.org/a b?q=п", "https://example.org/a%20b?q=%D0%BF"),
        ("https://пример.испытание/x", "https://xn--e1afmkfd.xn--80akhbyknj4f/x"),
        ("http://localhost:8000/", "http://localhost:8000/"),  # what it resolves to is judged at the connection
        ("https://8.8.8.8:8443/x%2Fy", "https://8.8.8.8:8443/x%2Fy"),
    ],
)
def test_urls_are_returned_as_they_are_requested(url: str, requested: str) -> None:
    assert Guard().check_url(url) == requested


# --- at the connection ------------------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """A name server of our own."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.names[host.partition(".")[0]]
        ]

    async def close(self) -> None: ...


async def ask(url: str, allow: Sequence[str] = (), resolver: AbstractResolver | None = None) -> int:
    fetch = AiohttpFetch(timeout_ms=500, max_body=1000, concurrency=5, guard=Guard(allow), resolver=resolver)
    try:
        return (await fetch(Request(url, method="POST", body=b"{}"))).status
    finally:
        await fetch.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.open(host="127.0.0.1")
    yield peer
    await peer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "0.0.0.0", "0",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]",
    ],
)  # fmt: skip
async def test_no_form_of_loopback_is_reached(peer: Peer, scheme: str, host: str) -> None:
    with pytest.raises(LookFailed) as failure:
        await ask(f"{scheme}://{host}:{peer.port}/hook")
    assert failure.value.reason is Reason.FORBIDDEN_TARGET
    assert peer.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_an_allowed_network_is_reached(peer: Peer, host: str) -> None:
    assert await ask(f"http://{host}:{peer.port}/hook", allow=["127.0.0.0/8"]) == 200
    assert peer.connections == 1


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["::1", "127.0.0.1"], ["::ffff:7f00:1"]]
)
async def test_a_name_that_leads_inside_is_forbidden(peer: Peer, addresses: list[str]) -> None:
    with pytest.raises(LookFailed) as failure:
        await ask(f"https://rebound.test:{peer.port}/hook", resolver=Names(rebound=addresses))
    assert failure.value.reason is Reason.FORBIDDEN_TARGET
    assert peer.connections == 0


@pytest.mark.parametrize("order", [1, -1])
async def test_among_several_addresses_only_the_allowed_are_tried(peer: Peer, order: int) -> None:
    """127.0.0.2 is allowed and nobody listens there; the peer listens on 127.0.0.1, which is forbidden."""
    names = Names(mixed=["127.0.0.2", "127.0.0.1"][::order])
    with pytest.raises(LookFailed) as failure:
        await ask(f"https://mixed.test:{peer.port}/hook", ["127.0.0.2/32"], names)
    assert failure.value.reason is Reason.CONNECTION
    assert peer.connections == 0
    with pytest.raises(LookFailed):
        await ask(f"https://mixed.test:{peer.port}/hook", ["127.0.0.1/32"], names)  # no TLS there
    assert peer.connections > 0


async def test_plain_http_goes_only_to_allowed_networks(peer: Peer) -> None:
    """A name with a public address, by http: refused before any packet leaves."""
    with pytest.raises(LookFailed) as failure:
        await ask("http://public.test/hook", ["127.0.0.0/8"], Names(public=["8.8.8.8"]))
    assert failure.value.reason is Reason.FORBIDDEN_TARGET
    assert "https" in failure.value.detail
    mixed = Names(mixed=["8.8.8.8", "127.0.0.1"])
    assert await ask(f"http://mixed.test:{peer.port}/hook", ["127.0.0.0/8"], mixed) == 200


async def test_a_connection_made_for_https_is_not_used_for_http(peer: Peer) -> None:
    fetch = AiohttpFetch(timeout_ms=500, max_body=1000, concurrency=5, guard=Guard(["127.0.0.0/8"]))
    assert (await fetch(Request(f"http://127.0.0.1:{peer.port}/"))).status == 200
    with pytest.raises(LookFailed):
        await fetch(Request(f"https://127.0.0.1:{peer.port}/"))
    await fetch.close()


async def test_redirects_inside_are_not_followed(peer: Peer) -> None:
    peer.always = http(302, b"", location="http://169.254.169.254/latest/meta-data")
    assert await ask(f"http://127.0.0.1:{peer.port}/hook", ["127.0.0.0/8"]) == 302
    assert len(peer.requests) == 1


async def test_plain_http_that_may_go_nowhere_is_refused_before_its_name_is_looked_up() -> None:
    """A name that cannot be resolved just now would be tried again and again, and never be sent to."""
    names = Names()
    with pytest.raises(LookFailed) as failure:
        await ask("http://example.org/hook", resolver=names)
    assert (failure.value.reason, failure.value.sent) == (Reason.FORBIDDEN_TARGET, False)
    assert "use https" in str(failure.value)
    assert names.asked == []
