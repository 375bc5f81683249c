"""Each adapter asks as its document says."""

import pytest

from notifier.net.fetch import Request
from tests.sources.adapters import ADAPTERS

ACCEPT = ("Accept", "application/json")


@pytest.mark.parametrize(
    ("source", "request_"),
    [
        ("progress", Request("https://business.taxi.yandex.ru/api/1.0/client/a2d4/order/8b8432/progress", (ACCEPT,))),
        (
            "taxi_v1",
            Request(
                "https://business.taxi.yandex.ru/api/1.0/client/a2d4/order/8b8432?show_cancel_text=true", (ACCEPT,)
            ),
        ),
        (
            "business_v2",
            Request(
                "https://b2b-api.go.yandex.ru/integration/2.0/orders/info?order_id=8857f2e",
                (ACCEPT, ("Accept-Language", "en"), ("X-YaTaxi-Selected-Corp-Client-Id", "a2d4")),
            ),
        ),
        ("track_trace", Request("https://courier.yandex.ru/api/v1/companies/503/orders/7", (ACCEPT,))),
        ("restaurant", Request("https://pos.example/api/order/R-1/status", (ACCEPT,))),
        ("json", Request("https://shop.example/v1/eu/o/42", (ACCEPT,))),
    ],
)
def test_the_request(source: str, request_: Request) -> None:
    assert ADAPTERS[source].build().request(ADAPTERS[source].resolved()) == request_


def test_the_client_of_business_v2_may_be_left_out() -> None:
    source = ADAPTERS["business_v2"].build(account={}, language=None)
    assert source.request({"order_id": "885"}).headers == (ACCEPT,)


def test_a_client_of_business_v2_that_no_header_carries_is_encoded() -> None:
    headers = dict(ADAPTERS["business_v2"].build().request({"order_id": "885", "client_id": "ключ 1"}).headers)
    assert headers["X-YaTaxi-Selected-Corp-Client-Id"] == "%D0%BA%D0%BB%D1%8E%D1%87 1"


def test_taxi_v1_without_the_texts_of_cancelling() -> None:
    adapter = ADAPTERS["taxi_v1"]
    assert "?" not in adapter.build(show_cancel_text=False).request(adapter.resolved()).url


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000//"])
def test_a_base_url_precedes_the_documented_path(base_url: str) -> None:
    adapter = ADAPTERS["track_trace"]
    url = adapter.build(base_url=base_url).request(adapter.resolved()).url
    assert url == f"{base_url.rstrip('/')}/api/v1/companies/503/orders/7"


@pytest.mark.parametrize(
    ("source", "scheme"),
    [("progress", ""), ("taxi_v1", ""), ("business_v2", "Bearer"), ("track_trace", "OAuth"), ("restaurant", "Bearer"),
     ("json", "Bearer")],
)  # fmt: skip
def test_the_word_before_the_token(source: str, scheme: str) -> None:
    assert ADAPTERS[source].settings().scheme == scheme
    assert ADAPTERS[source].settings(auth_scheme="Token").scheme == "Token"
    assert ADAPTERS[source].settings(auth_scheme="").scheme == ""
