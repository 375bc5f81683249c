"""Order APIs: one module each, and one line each in `REGISTRY`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from notifier.sources import business_v2, json_api, progress, restaurant, taxi_v1, track_trace
from notifier.sources.base import Source, SourceSettings
from notifier.sources.json_settings import JsonSettings


class Registration(NamedTuple):
    """What `type` in a configuration stands for: its settings model, and the adapter built from them."""

    settings: type[SourceSettings]
    build: Callable[[Any], Source]


REGISTRY: Mapping[str, Registration] = {
    "progress": Registration(progress.ProgressSettings, progress.Progress),
    "taxi_v1": Registration(taxi_v1.TaxiV1Settings, taxi_v1.TaxiV1),
    "business_v2": Registration(business_v2.BusinessV2Settings, business_v2.BusinessV2),
    "track_trace": Registration(track_trace.TrackTraceSettings, track_trace.TrackTrace),
    "restaurant": Registration(restaurant.RestaurantSettings, restaurant.Restaurant),
    "json": Registration(JsonSettings, json_api.JsonApi),
}

__all__ = ["REGISTRY", "Registration", "Source", "SourceSettings"]
