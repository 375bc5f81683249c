"""Who owns which shard: even, complete, and as little as possible moves."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.backends.kafka.assignor import Member, assign, pack_member, unpack_members
from notifier.errors import Refused

Owned = Mapping[str, tuple[int, ...]]


def members(*names: str, after: Owned | None = None, generation: int = 1) -> dict[str, Member]:
    """Replicas by these names, those of before with what they own."""
    owned = after or {}
    return {name: Member(name=name, generation=generation, owned=owned.get(name, ())) for name in names}


def moved(before: Owned, after: Owned) -> set[int]:
    owner = {shard: name for name, shards in before.items() for shard in shards}
    return {shard for name, shards in after.items() for shard in shards if owner.get(shard) != name}


@given(st.integers(1, 64), st.lists(st.text(max_size=5), min_size=1, max_size=9, unique=True), st.data())
def test_every_shard_has_one_owner_and_nobody_more_than_a_fair_share(
    shards: int, names: list[str], data: st.DataObject
) -> None:
    claims = st.lists(st.integers(-1, 70), max_size=70).map(tuple)
    asked = {
        name: Member(name=name, generation=data.draw(st.integers(-1, 3)), owned=data.draw(claims)) for name in names
    }
    given = assign(shards, asked)
    assert sorted(shard for each in given.values() for shard in each) == list(range(shards))
    counts = [len(each) for each in given.values()]
    assert max(counts) - min(counts) <= 1
    assert assign(shards, dict(reversed(asked.items()))) == given, "whoever is the leader"


@pytest.mark.parametrize("shards", [12, 24, 30, 100])
def test_a_fourth_replica_takes_its_share_and_nothing_else_moves(shards: int) -> None:
    three = assign(shards, members("a", "b", "c"))
    four = assign(shards, members("a", "b", "c", "d", after=three))
    assert moved(three, four) == set(four["d"])
    assert len(moved(three, four)) <= 0.4 * shards
    for name in "abc":
        assert set(four[name]) <= set(three[name])


@pytest.mark.parametrize("shards", [12, 30])
def test_survivors_keep_all_of_theirs(shards: int) -> None:
    four = assign(shards, members("a", "b", "c", "d"))
    three = assign(shards, members("a", "c", "d", after=four))
    assert moved(four, three) == set(four["b"])


def test_a_replica_that_comes_back_gets_what_it_had() -> None:
    four = assign(12, members("a", "b", "c", "d"))
    three = assign(12, members("a", "c", "d", after=four))
    again = assign(12, members("a", "b", "c", "d", after=three))
    assert len(set(again["b"]) & set(four["b"])) >= 2, "by its name, as far as the others have to give"
    assert moved(three, again) == set(again["b"])


def test_without_any_memory_little_moves_by_the_hash_alone() -> None:
    """After all were restarted: the names are the same."""
    total = share = 0
    for number in range(40):
        names = [f"notifier-{number}-{each}" for each in range(4)]
        before = assign(12, members(*names[:3]))
        share += len(moved(before, assign(12, members(*names))))
        total += 12
        assert assign(12, members(*names[:3])) == before
    assert share / total <= 0.4


def test_a_zombie_claims_nothing_back() -> None:
    fresh = members("a", "b", after={"a": (0, 1), "b": (2, 3)}, generation=7)
    zombie = Member(name="z", generation=5, owned=(0, 1, 2, 3))
    given = assign(4, {**fresh, "z": zombie})
    assert set(given["a"]) <= {0, 1}
    assert set(given["b"]) <= {2, 3}
    assert len(given["z"]) == 1


def test_two_of_one_name_share_all_the_same() -> None:
    given = assign(12, {"id-1": Member(name="host"), "id-2": Member(name="host")})
    assert [len(each) for each in given.values()] == [6, 6]


def test_what_a_member_tells_of_itself() -> None:
    member = Member(name="pod-1", generation=3, owned=(1, 5))
    assert unpack_members({"id": pack_member(member), "other": b"range"}) == {
        "id": member,
        "other": Member(name="other"),
    }
    with pytest.raises(Refused, match="newer release"):
        unpack_members({"id": pack_member(Member(format=2, name="x"))})
