"""Ids: what is taken, what is completed from the account, and the key they make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.sources.ids import IdsError, check_ids, order_key, resolve
from tests.sources.adapters import ADAPTERS, JSON_KEYS

TAXI = ADAPTERS["taxi_v1"].settings()
BUSINESS = ADAPTERS["business_v2"].settings(account={})
MANY = {**JSON_KEYS, "url": "/{tenant}/{region}/{order_id}"}


def test_ids_are_texts_or_integers() -> None:
    assert check_ids(TAXI, {"order_id": "a b", "client_id": 17}) == {"order_id": "a b", "client_id": "17"}
    assert check_ids(TAXI, {"order_id": "x" * 128}) == {"order_id": "x" * 128}
    assert check_ids(TAXI, {"order_id": -5})["order_id"] == "-5"
    assert check_ids(TAXI, {"order_id": 10**127})["order_id"] == str(10**127)


@pytest.mark.parametrize(
    "bad",
    ["", "x" * 129, 10**128, "a/b", "a\\b", ".", "..", "a\n", "\x00", "\x7f", "\x85", "\ud800", True, False,
     1.0, None, [], {}, b"x"],
)  # fmt: skip
def test_a_bad_id(bad: object) -> None:
    with pytest.raises(IdsError, match="order_id: must") as caught:
        check_ids(TAXI, {"order_id": bad})
    assert [problem.path for problem in caught.value.problems] == ["order_id"]


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(ValueError) as caught:
        check_ids(TAXI, {"client_id": "", "company_id": "1"})
    assert isinstance(caught.value, IdsError)
    assert [problem.path for problem in caught.value.problems] == ["client_id", "company_id", "order_id"]
    assert "use order_id, client_id" in str(caught.value)
    assert "order_id: is missing" in str(caught.value)


def test_the_account_is_the_sources_unless_named() -> None:
    assert resolve(TAXI, {"order_id": "1"}) == {"order_id": "1", "client_id": "a2d4"}
    assert resolve(TAXI, {"order_id": "1", "client_id": "other"}) == {"order_id": "1", "client_id": "other"}
    assert resolve(BUSINESS, {"order_id": "1"}) == {"order_id": "1"}


@pytest.mark.parametrize(
    ("source", "name"),
    [("progress", "client_id"), ("taxi_v1", "client_id"), ("track_trace", "company_id"), ("json", "region")],
)
def test_an_account_that_is_nowhere_is_an_error(source: str, name: str) -> None:
    with pytest.raises(IdsError, match=f"{name}: is missing: give it in `ids`, or as `account` of the source"):
        resolve(ADAPTERS[source].settings(account={}), {"order_id": "1"})


def test_keys() -> None:
    assert order_key("trips", TAXI, {"order_id": "1"}) == "trips/1"
    assert order_key("trips", TAXI, {"order_id": "1", "client_id": "a2d4"}) == "trips/1"
    assert order_key("trips", TAXI, {"order_id": "1", "client_id": "b"}) == "trips/b/1"
    assert order_key("trips", BUSINESS, {"order_id": "1"}) == "trips/1"
    assert order_key("trips", BUSINESS, {"order_id": "1", "client_id": "b"}) == "trips/b/1"
    assert order_key("food", ADAPTERS["restaurant"].settings(), {"order_id": "1"}) == "food/1"


def test_keys_of_accounts_of_several_ids() -> None:
    settings = ADAPTERS["json"].settings(url=MANY["url"], account={"region": "eu"})
    assert order_key("shop", settings, {"order_id": "1", "tenant": "7"}) == "shop/eu,7/1"
    assert order_key("shop", settings, {"order_id": "1", "tenant": "7", "region": "eu"}) == "shop/eu,7/1"
    settings = ADAPTERS["json"].settings(url=MANY["url"], account={"region": "eu", "tenant": "7"})
    assert order_key("shop", settings, {"order_id": "1"}) == "shop/1"
    assert order_key("shop", settings, {"order_id": "1", "region": "us"}) == "shop/us,7/1"
    assert order_key("shop", settings, {"order_id": "1", "region": "u,s%"}) == "shop/u%2Cs%25,7/1"


WORD = st.text("ab,%2C", min_size=1, max_size=4)


@given(st.tuples(WORD, WORD, WORD), st.tuples(WORD, WORD, WORD))
def test_other_orders_have_other_keys(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    settings = ADAPTERS["json"].settings(url=MANY["url"], account={"region": "ab", "tenant": "a"})
    names = ("order_id", "region", "tenant")
    keys = [order_key("shop", settings, dict(zip(names, ids, strict=True))) for ids in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


@pytest.mark.parametrize("source", ADAPTERS)
def test_a_key_is_the_same_before_and_after_resolving(source: str) -> None:
    settings = ADAPTERS[source].settings()
    ids = check_ids(settings, ADAPTERS[source].ids)
    assert order_key("s", settings, ids) == order_key("s", settings, resolve(settings, ids))


def test_an_integer_that_python_would_not_write_is_too_long() -> None:
    with pytest.raises(IdsError, match="1 to 128"):
        check_ids(TAXI, {"order_id": 10**5000})
