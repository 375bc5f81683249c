"""Every adapter keeps the contract of the sources."""

from tests.contracts.source import SourceContract
from tests.sources.adapters import ADAPTERS


class TestProgress(SourceContract):
    adapter = ADAPTERS["progress"]


class TestTaxiV1(SourceContract):
    adapter = ADAPTERS["taxi_v1"]


class TestBusinessV2(SourceContract):
    adapter = ADAPTERS["business_v2"]


class TestTrackTrace(SourceContract):
    adapter = ADAPTERS["track_trace"]


class TestRestaurant(SourceContract):
    adapter = ADAPTERS["restaurant"]


class TestJson(SourceContract):
    adapter = ADAPTERS["json"]


def test_no_adapter_is_left_out() -> None:
    from notifier.sources import REGISTRY

    assert set(ADAPTERS) == set(REGISTRY)
