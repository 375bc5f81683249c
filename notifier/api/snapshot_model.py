"""The snapshot of an order as a model: part of every answer about an order."""

from pydantic import Field

from notifier.schemas import CostCenter, PhaseName, Shape, Time


class VehicleShape(Shape):
    model: str | None
    plate: str | None
    color: str | None


class PerformerShape(Shape):
    name: str | None
    phone: str | None
    vehicle: VehicleShape | None


class PointShape(Shape):
    lat: float | None
    lon: float | None


class RoutePointShape(PointShape):
    address: str | None


class ScheduleShape(Shape):
    start: Time | None
    end: Time | None


class CostShape(Shape):
    amount: float | None
    with_vat: float | None


class CancelRulesShape(Shape):
    can_cancel: bool | None
    state: str | None
    title: str | None
    message: str | None


class HistoryShape(PointShape):
    event: str
    at: Time
    initiator: str | None


class StatusLogShape(PointShape):
    status: str
    at: Time


class PersonShape(Shape):
    id: str | None
    name: str | None
    phone: str | None


class CommentShape(Shape):
    status: str | None
    text: str | None


class SnapshotShape(Shape):
    """The order as its API told it; what it does not tell is null or an empty list."""

    status: str
    phase: PhaseName
    updated_at: Time | None
    performer: PerformerShape | None
    location: PointShape | None
    route: list[RoutePointShape]
    schedule: ScheduleShape | None
    finished_at: Time | None
    cost: CostShape | None
    cancel_rules: CancelRulesShape | None
    history: list[HistoryShape]
    status_log: list[StatusLogShape]
    person: PersonShape | None
    number: str | None
    class_: str | None = Field(alias="class")
    cost_centers: list[CostCenter]
    created_by: str | None
    comments: list[CommentShape]
    comment: str | None
