"""Which replica of the group owns which shard. Pure; the group's leader asks it at each rebalance.

As little as possible moves: a member keeps what it owns up to its fair share, and what is left goes by rendezvous hash
of shard and replica name, so that a replica that comes back under its name gets back what it had.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from notifier.backends.kafka.formats import FORMAT, check_format


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica tells the group's leader of itself.

    `name` is the same after a restart; `owned` are the shards that `generation` of the group gave to it.
    """

    format: int = FORMAT
    name: str
    generation: int = -1
    owned: tuple[int, ...] = ()


_MEMBER = msgspec.msgpack.Decoder(Member)


def pack_member(member: Member) -> bytes:
    return msgspec.msgpack.encode(member)


def unpack_members(told: Mapping[str, bytes]) -> dict[str, Member]:
    """By their ids. Of one that tells nothing that we know, the id is all there is. Refused for a newer format."""
    return {id: _unpacked(data) or Member(name=id) for id, data in told.items()}


def _unpacked(data: bytes) -> Member | None:
    try:
        member = _MEMBER.decode(data)
    except msgspec.MsgspecError:
        return None
    check_format("group member", member.format)
    return member


class _Claim(NamedTuple):
    room: int
    kept: list[int]


def assign(shards: int, members: Mapping[str, Member]) -> dict[str, tuple[int, ...]]:
    """Every shard to one member, by its id; no member has more than one above another. The same for the same input."""
    owned = _undisputed(shards, members)
    share, more = divmod(shards, len(members))
    # One more than the others have those who hold most already.
    order = sorted(members, key=lambda id: (-len(owned[id]), _weight(-1, members[id].name), id))
    claims = {}
    for place, id in enumerate(order):
        room = share + (place < more)
        kept = sorted(owned[id], key=lambda shard: -_weight(shard, members[id].name))[:room]
        claims[id] = _Claim(room, kept)
    taken = {shard for claim in claims.values() for shard in claim.kept}
    free = [shard for shard in range(shards) if shard not in taken]
    wishes = sorted(
        ((shard, id) for shard in free for id in members),
        key=lambda wish: (-_weight(wish[0], members[wish[1]].name), wish),
    )
    for shard, id in wishes:
        claim = claims[id]
        if shard not in taken and len(claim.kept) < claim.room:
            claim.kept.append(shard)
            taken.add(shard)
    return {id: tuple(sorted(claims[id].kept)) for id in members}


def _undisputed(shards: int, members: Mapping[str, Member]) -> dict[str, Collection[int]]:
    """What each owns: of two that claim one shard the later generation is right; of one generation, neither."""
    newest: dict[int, int] = {}
    claims: dict[tuple[int, int], list[str]] = {}
    for id, member in members.items():
        for shard in member.owned:
            if 0 <= shard < shards:
                newest[shard] = max(newest.get(shard, -1), member.generation)
                claims.setdefault((shard, member.generation), []).append(id)
    owned: dict[str, list[int]] = {id: [] for id in members}
    for shard, generation in newest.items():
        claimants = claims[shard, generation]
        if len(claimants) == 1:
            owned[claimants[0]].append(shard)
    return dict(owned)


def _weight(shard: int, name: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{shard}\n{name}".encode(), digest_size=8).digest(), "big")
