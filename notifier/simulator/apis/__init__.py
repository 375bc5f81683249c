"""The five order APIs, each as its document writes it, contradictions included."""

from notifier.simulator.apis import business_v2, progress, restaurant, taxi_v1, track_trace
from notifier.simulator.apis.base import Api

APIS: dict[str, Api] = {
    module.API.name: module.API for module in (progress, taxi_v1, business_v2, track_trace, restaurant)
}
