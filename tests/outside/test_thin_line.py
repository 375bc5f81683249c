"""One order of business v2, one webhook: from the API's answer to a signed message."""

from standardwebhooks import Webhook

from tests.outside.bodies import business, completed, example
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.receiver import SECRET, Receiver, signature
from tests.outside.telling import check_chain, line, lines
from tests.outside.waiting import until

ORDER = "885e440dc70acc3bb6ce0cc5c67d7f2e"


async def test_a_ride_is_told_whole_in_order_signed_and_without_personal_data(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    api.show(ORDER, business("search"))
    program = programs(config(api, hook))
    await program.start()
    watch = await program.watch("trips", ORDER, labels={"team": "sales"})
    assert watch["key"] == f"trips/{ORDER}"
    await api.seen(ORDER)
    await api.play(ORDER, example("business_v2.active"), business("waiting"), business("transporting"), completed())
    expected = [
        "tracked search/searching",
        "status search>driving",
        "phase searching>assigned",
        "performer_changed",
        "status driving>waiting",
        "phase assigned>arrived",
        "status waiting>transporting",
        "phase arrived>in_progress",
        "status transporting>complete",
        "phase in_progress>completed",
        "cost_changed",
    ]
    key = watch["key"]
    events = await program.events(key)
    assert lines(events) == expected
    check_chain(events, key)
    await until(lambda: len(hook.of(key)) >= len(expected), lambda: program.log())
    told = hook.of(key)
    assert [line(each.type, each.data) for each in told] == expected
    assert [each.data for each in told] == [event["data"] for event in events]
    for each in hook.received:
        assert set(each.payload) == {"type", "timestamp", "data"}
        assert each.signatures == [signature(SECRET, each.id, each.timestamp, each.body)]
        Webhook(SECRET).verify(each.body, dict(each.headers))
        assert each.headers["Content-Type"].startswith("application/json")
        text = each.body.decode()
        for personal in ("Sazonov", "79120995513", "B746YO777", "Zoologicheskaya", "37.585", "Godovikova"):
            assert personal not in text
    assert {asked.headers["Authorization"] for asked in api.asked} == {"Bearer t0ken"}
    assert {asked.headers["X-YaTaxi-Selected-Corp-Client-Id"] for asked in api.asked} == {"a2d"}
    code, seconds = await program.stop()
    assert code == 0
    assert seconds < 10
    for personal in ("Sazonov", "79120995513", "B746YO777", "Zoologicheskaya", "t0ken", SECRET):
        assert personal not in program.stderr.read_text()
    assert program.stdout.read_text() == ""
