"""The body of POST /v1/watches, all problems at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config.watches import WatchBody, examine, parse_watch
from notifier.errors import InputError
from notifier.model import Recipient, Watch
from notifier.sources import REGISTRY, SourceSettings

SOURCES: dict[str, SourceSettings] = {
    "trips": REGISTRY["business_v2"].settings.model_validate({"type": "business_v2", "token": "t"}),
    "cars": REGISTRY["progress"].settings.model_validate(
        {"type": "progress", "token": "t", "account": {"client_id": "c1"}}
    ),
}
NOW = 1_795_258_800_000


def body(**more: Any) -> dict[str, Any]:
    return {"source": "trips", "ids": {"order_id": "885e"}} | more


def paths(wrong: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_watch(wrong, SOURCES, NOW)
    assert all(problem.message for problem in caught.value.problems)
    return sorted(problem.path for problem in caught.value.problems)


def test_the_least_body() -> None:
    assert parse_watch(body(), SOURCES, NOW) == Watch(
        key="trips/885e", source="trips", ids={"order_id": "885e"}, created_at=NOW, updated_at=NOW
    )


def test_a_whole_body_is_normalised() -> None:
    watch = parse_watch(
        {
            "source": "cars",
            "ids": {"order_id": 42, "client_id": "c2"},
            "recipients": [
                {"email": "a@example.org", "phone": "+7 912 099-55-13", "webhook": "https://x.org/h"},
                {"email": "b@example.org", "locale": "ru", "timezone": "Europe/Moscow"},
            ],
            "labels": {"team": "sales", "empty": ""},
        },
        SOURCES,
        NOW,
    )
    assert watch.key == "cars/c2/42"
    assert watch.ids == {"order_id": "42", "client_id": "c2"}
    assert watch.recipients == (
        Recipient(email="a@example.org", phone="+79120995513", webhook="https://x.org/h"),
        Recipient(email="b@example.org", locale="ru", timezone="Europe/Moscow"),
    )
    assert watch.labels == {"team": "sales", "empty": ""}


def test_the_account_is_resolved_from_the_source() -> None:
    watch = parse_watch({"source": "cars", "ids": {"order_id": "1"}}, SOURCES, NOW)
    assert (watch.key, watch.ids) == ("cars/1", {"order_id": "1", "client_id": "c1"})


@pytest.mark.parametrize("wrong", [None, 1, "text", [], [body()]])
def test_what_is_no_object(wrong: object) -> None:
    assert paths(wrong) == [""]


def test_every_problem_is_told_at_once() -> None:
    wrong = {
        "source": "cars",
        "ids": {"order_id": "a/b", "company_id": "1"},
        "recipients": [
            {"email": "a@example.org,b@example.org", "phone": "+79120995513,,95576"},
            {"locale": "en_US"},
            5,
        ],
        "labels": {"team": 5, "x": "a\nb"},
        "note": "?",
    }
    assert paths(wrong) == [
        "ids.company_id",
        "ids.order_id",
        "labels.team",
        "labels.x",
        "note",
        "recipients[0].email",
        "recipients[0].phone",
        "recipients[1]",
        "recipients[1].locale",
        "recipients[2]",
    ]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({}, ["ids", "source"]),
        ({"source": "trips"}, ["ids"]),
        (body(source="trip"), ["source"]),
        (body(source=5), ["source"]),
        (body(source=None), ["source"]),
        (body(ids=None), ["ids"]),
        (body(ids=["885e"]), ["ids"]),
        (body(ids={}), ["ids.order_id"]),
        (body(ids={"order_id": None}), ["ids.order_id"]),
        (body(ids={"order_id": True}), ["ids.order_id"]),
        (body(ids={"order_id": 1.5}), ["ids.order_id"]),
        (body(ids={"order_id": ["1"]}), ["ids.order_id"]),
        (body(ids={"order_id": ""}), ["ids.order_id"]),
        (body(ids={"order_id": "x" * 129}), ["ids.order_id"]),
        (body(ids={"order_id": ".."}), ["ids.order_id"]),
        (body(ids={"order_id": "a\0"}), ["ids.order_id"]),
        (body(ids={"order_id": "\ud800"}), ["ids.order_id"]),
        (body(ids={"order_id": 10**5000}), ["ids.order_id"]),
        (body(recipients=None), ["recipients"]),
        (body(recipients={"email": "a@example.org"}), ["recipients"]),
        (body(recipients=[{}]), ["recipients[0]"]),
        (body(recipients=[{"email": None}]), ["recipients[0]"]),
        (body(recipients=[{"email": 5}]), ["recipients[0].email"]),
        (body(recipients=[{"mail": "a@example.org"}]), ["recipients[0]", "recipients[0].mail"]),
        (body(recipients=[{"email": "a@example.org"}] * 101), ["recipients"]),
        (body(labels=[]), ["labels"]),
        (body(labels={"": "x"}), ["labels."]),
        (body(labels={"a": None}), ["labels.a"]),
        (body(labels={"a": "x" * 1025}), ["labels.a"]),
        (body(labels={f"l{n}": "" for n in range(65)}), ["labels"]),
        (body(labels={"a\0": "x"}), ["labels.a\0"]),
        (body(labels={"a": "\udfff"}), ["labels.a"]),
        (body(labels={"a.b[0]": "x\n"}), ["labels.a.b[0]"]),
    ],
)
def test_wrong_contents(wrong: object, expected: list[str]) -> None:
    assert paths(wrong) == expected


def test_an_unknown_source_is_told_with_the_nearest_known() -> None:
    with pytest.raises(InputError, match="did you mean trips"):
        parse_watch(body(source="trip"), SOURCES, NOW)


def test_a_key_that_is_mistyped_is_told_with_the_nearest_known() -> None:
    with pytest.raises(InputError, match="did you mean recipients"):
        parse_watch(body(recipient=[]), SOURCES, NOW)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)


@given(Json | st.fixed_dictionaries({}, optional=dict.fromkeys(("source", "ids", "recipients", "labels"), Json)))
def test_any_json_is_a_watch_or_a_list_of_problems(anything: object) -> None:
    watch, found = examine(anything, SOURCES, NOW)
    assert (watch is None) == bool(found)
    if watch is not None:
        assert watch.key.startswith(f"{watch.source}/")


def test_equal_contents_have_one_plain_form() -> None:
    forms = [
        {"source": "trips", "ids": {"order_id": 42}, "recipients": [{"phone": "+7 912 099 55 13"}]},
        {"recipients": [{"phone": "+79120995513"}], "ids": {"order_id": "42"}, "source": "trips"},
    ]
    first, second = (WatchBody.model_validate(form).plain() for form in forms)
    assert first == second
    assert parse_watch(first, SOURCES, NOW) == parse_watch(forms[0], SOURCES, NOW)
