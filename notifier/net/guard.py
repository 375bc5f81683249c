"""Which addresses a request to somebody else's URL may go to. Pure; whoever connects asks about the very address.

The standard library's own classes are not enough: `is_private` misses 100.64.0.0/10, and `is_global` is true for
168.63.129.16, 64:ff9b::/96, 2002::/16, fec0::/10 and multicast. So the list is explicit, after the IANA registries of
special-purpose addresses (RFC 6890 and its updates).
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from notifier.errors import LookFailed, Reason

_SPECIAL = {
    "0.0.0.0/8": "this host",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own services",
    "169.254.0.0/16": "link-local",  # 169.254.169.254 too
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",  # 255.255.255.255 too
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b::/96": "IPv4 behind a translator",
    "64:ff9b:1::/48": "IPv4 behind a translator",
    "100::/64": "discard",
    "2001::/23": "protocol assignments",  # Teredo, benchmarking, ORCHID
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
    # What is not global unicast (RFC 4291, 2.4) is not for us, named above or not.
    "::/3": "reserved",
    "4000::/2": "reserved",
    "8000::/1": "reserved",
}

_Network = IPv4Network | IPv6Network
REFUSED: tuple[tuple[_Network, str], ...] = tuple((ip_network(text), what) for text, what in _SPECIAL.items())

_PLAIN = "plain http goes only to addresses in allow_networks: use https"


class ForbiddenAddress(OSError):
    """Raised where a socket would have been opened: nothing was sent."""


class Guard:
    """Refuses what is not public; `allow_networks` are exceptions, and the only ones that plain http may go to."""

    def __init__(self, allow_networks: Iterable[str] = ()) -> None:
        """ValueError, with what to do, for a text that is not a network."""
        self._allow = tuple(network(text) for text in allow_networks)

    @property
    def refuses_plain(self) -> str | None:
        """Why plain http goes nowhere at all, whatever a name resolves to; None: it may go to some addresses."""
        return None if self._allow else _PLAIN

    def refusal(self, address: str, *, plain: bool) -> str | None:
        """Why this address (a literal, as a resolver gives it) is refused; None: it may be connected to."""
        try:
            ip = ip_address(address)
        except ValueError:
            return "not an address"  # 0x7f.1 and the like, which the operating system would still read as one
        return self._judge(ip, plain)

    def check_url(self, url: str) -> str:
        """The URL as it is to be requested (percent-encoded, host in ASCII); LookFailed(forbidden_target).

        It finds early what the text alone tells. What a name resolves to is judged when the connection is made.
        """
        try:
            parsed = URL(url)
        except (ValueError, TypeError):
            raise LookFailed(Reason.FORBIDDEN_TARGET, "not a URL") from None
        if parsed.scheme not in ("http", "https") or not parsed.raw_host:
            raise LookFailed(Reason.FORBIDDEN_TARGET, "neither http nor https, or no host")
        ip = _literal(parsed.raw_host)
        if ip is not None and (refusal := self._judge(ip, parsed.scheme == "http")):
            raise LookFailed(Reason.FORBIDDEN_TARGET, refusal)
        return str(parsed)

    def _judge(self, ip: IPv4Address | IPv6Address, plain: bool) -> str | None:
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if any(ip in allowed for allowed in self._allow):
            return None
        for refused, what in REFUSED:
            if ip in refused:
                return f"an address in {refused} ({what}), which allow_networks does not name"
        return _PLAIN if plain else None


def network(text: str) -> _Network:
    """'10.0.0.0/8' or a single address; ValueError with what to do."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network: write it as 10.0.0.0/8 or fd00::/8 ({error})") from None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a URL's host spells, in the old forms too (0x7f.1, 2130706433); None: it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
