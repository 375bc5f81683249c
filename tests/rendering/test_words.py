"""What messages say: numbers, times, money, what is not known, and to whom in which language."""

import pytest
from msgspec.structs import replace

from notifier import instants
from notifier.model import Performer, Phase, Vehicle
from notifier.rendering import samples, segments, speech
from notifier.rendering.render import Origin, Part, TemplateError, Templates
from notifier.rendering.speech import Speech, chain, known
from notifier.routing.facts import Facts
from tests.rendering.told import BUILT_IN, MINUTE, say


def arrived(locale: str = "en", performer: Performer | None = None, **changes: object) -> Facts:
    facts = samples.facts("driver_arrived", locale)
    assert facts.snapshot is not None
    return replace(facts, snapshot=replace(facts.snapshot, performer=performer), **changes)


RIO = Vehicle(model="Kia Rio", color="white", plate="A123BC")


def test_your_driver_has_arrived() -> None:
    told = say(arrived(performer=Performer(vehicle=RIO)), "driver_arrived")
    assert told.subject == "Your driver has arrived: white Kia Rio, A123BC"
    assert told.text.startswith("Your driver has arrived: white Kia Rio, A123BC.\n")


@pytest.mark.parametrize(
    ("performer", "said"),
    [
        (None, "Your driver has arrived"),
        (Performer(), "Your driver has arrived"),
        (Performer(name="Ivan"), "Your driver has arrived: Ivan"),
        (Performer(name="Ivan", vehicle=Vehicle(plate="A123BC")), "Your driver has arrived: A123BC"),
        (Performer(vehicle=Vehicle(model="Kia Rio")), "Your driver has arrived: Kia Rio"),
        (Performer(vehicle=Vehicle(color="white")), "Your driver has arrived"),  # no car that could be looked for
        (Performer(vehicle=Vehicle(color="white", plate="A1")), "Your driver has arrived: white, A1"),
        (
            Performer(vehicle=Vehicle(model="white Kia Rio A123BC", combined=True)),
            "Your driver has arrived: white Kia Rio A123BC",
        ),
        (Performer(phone="+7000,,5", vehicle=RIO), "Your driver has arrived: white Kia Rio, A123BC, +7000,,5"),
        (Performer(name="", phone=" ", vehicle=Vehicle(model="", color=" ", plate="")), "Your driver has arrived"),
    ],
)
def test_whatever_is_known_of_the_driver(performer: Performer | None, said: str) -> None:
    assert say(arrived(performer=performer), "driver_arrived", "sms").text == said


def test_in_russian_it_fits_one_segment_the_phone_if_there_is_room() -> None:
    short = say(
        arrived("ru", Performer(phone="+79120995513", vehicle=replace(RIO, color="белый"))), "driver_arrived", "sms"
    ).text
    assert short == "Водитель приехал: белый Kia Rio, A123BC, +79120995513"
    long = Vehicle(model="Volkswagen Caravelle", color="коричневый", plate="А123ВС777")
    told = say(arrived("ru", Performer(phone="+79120995513", vehicle=long)), "driver_arrived", "sms").text
    assert told == "Водитель приехал: коричневый Volkswagen Caravelle, А123ВС777"
    assert segments.size(told).segments == 1


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (1, "1 message that was held back", "1 отложенное сообщение"),
        (2, "2 messages that were held back", "2 отложенных сообщения"),
        (5, "5 messages that were held back", "5 отложенных сообщений"),
        (11, "11 messages that were held back", "11 отложенных сообщений"),
        (21, "21 messages that were held back", "21 отложенное сообщение"),
        (22, "22 messages that were held back", "22 отложенных сообщения"),
        (112, "112 messages that were held back", "112 отложенных сообщений"),
    ],
)
def test_plurals(count: int, english: str, russian: str) -> None:
    for locale, subject in (("en", english), ("ru", russian)):
        parts = [Part(samples.facts("driver_arrived", locale), "driver_arrived")] * count
        assert BUILT_IN.render(parts, "email", digest=True).subject == subject


def test_a_digest_tells_the_newest_and_counts_the_rest() -> None:
    parts = [Part(replace(samples.facts("lost"), key=f"trips/{n}"), "lost") for n in range(60)]
    told = BUILT_IN.render(parts, "email", digest=True)
    assert "order 9:" not in told.text
    assert "order 10:" in told.text
    assert "order 59:" in told.text
    assert "… and 10 earlier ones." in told.text
    assert "Earlier ones, not shown: 10" in told.html


def test_a_group_says_each_thing_once() -> None:
    """A status and the phase it brings are one thing to a reader."""
    phase = samples.facts("phase_changed")
    status = replace(phase, type="status_changed")
    alone = BUILT_IN.render([Part(status, "status_changed"), Part(phase, "phase_changed")], "email")
    assert alone == say(phase, "phase_changed")
    several = [Part(samples.facts("schedule_changed"), "schedule_changed"), Part(phase, "phase_changed")]
    told = BUILT_IN.render(several, "email")
    assert told.subject == "Your driver is on the way: white Kia Rio, A123BC777"
    assert told.text.startswith(
        "The time of your order has changed: 14:35–15:05 (it was 14:20–14:50).\n"
        "Your driver is on the way: white Kia Rio, A123BC777.\n"
    )
    assert BUILT_IN.render(several, "sms").text.startswith("Your driver is on the way: white Kia Rio, A123BC777")


def test_times_are_the_readers() -> None:
    facts = samples.facts("stalled")
    for timezone, time in (
        ("Europe/Moscow", "13:50"),
        ("Asia/Tokyo", "19:50"),
        ("Asia/Kolkata", "16:20"),
        (None, "13:50"),
    ):
        assert say(replace(facts, timezone=timezone), "stalled").subject == f"No news of order 885e440d since {time}"


def test_a_zone_that_is_not_the_readers_is_named() -> None:
    facts = replace(samples.facts("stalled"), timezone=None)
    assert "All times are those of Europe/Moscow." in say(facts, "stalled").text
    assert "All times" not in say(replace(facts, timezone="Europe/Moscow"), "stalled").text
    utc = replace(facts, source="other")
    assert say(utc, "stalled").subject == "No news of order 885e440d since 10:50\u00a0UTC"
    assert say(utc, "stalled", "sms").text == "No news of order 885e440d since 10:50 UTC. We keep asking."


@pytest.mark.parametrize(
    ("at", "timezone", "said"),
    [
        ("2026-03-29T00:30:00+00:00", "Europe/Berlin", "01:30"),  # the hour after it is left out
        ("2026-03-29T01:30:00+00:00", "Europe/Berlin", "03:30"),
        ("2026-10-25T00:30:00+00:00", "Europe/Berlin", "02:30"),  # this hour comes twice
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", "02:30"),
        ("2026-11-21T21:30:00+00:00", "Asia/Kolkata", "03:00"),
        ("2026-11-21T21:30:00+00:00", "No/Such_Zone", "21:30"),
    ],
)
def test_both_ends_of_summer_time(at: str, timezone: str, said: str) -> None:
    local = speech.local(instants.from_text(at), timezone)
    assert Speech(known("en"), timezone, told=True).time(local) == said


def test_another_day_is_named() -> None:
    facts = replace(samples.facts("stalled"), not_before=samples.AT - 24 * 60 * MINUTE)
    assert say(facts, "stalled").subject.endswith("since Nov 21, 14:05")
    assert say(replace(facts, locale="ru"), "stalled").subject.endswith("с 21 нояб., 14:05")


@pytest.mark.parametrize("at", [-(2**62), 2**62, 0, 253_402_300_799_999])
def test_times_that_no_calendar_holds(at: int) -> None:
    assert say(replace(samples.facts("driver_arrived"), at=at), "driver_arrived").subject


@pytest.mark.parametrize(
    ("locale", "amount", "said"),
    [
        ("ru", 350.0, "350\u00a0₽"),
        ("ru", 350.5, "350,50\u00a0₽"),
        ("ru", 1234567.0, "1\u00a0234\u00a0567\u00a0₽"),
        ("en", 350.0, "RUB\u00a0350"),
        ("en", 0.1 + 0.2, "RUB\u00a00.30"),
        ("de", 1234.5, "1.234,50\u00a0RUB"),
    ],
)
def test_money(locale: str, amount: float, said: str) -> None:
    assert Speech(known(locale), "UTC", told=True).money(amount) == said


def test_spans() -> None:
    speaks = Speech(known("ru"), "Europe/Moscow", told=True)
    day = speaks.local(samples.AT)
    late = speaks.local(samples.AT + 12 * 60 * MINUTE)
    assert speaks.span(day, late, day) == "14:05 – 23 нояб., 02:05"
    assert speaks.span(None, late, day) == "23 нояб., 02:05"
    assert speaks.span(day, day, day) == "14:05"
    assert speaks.span(None, None, day) == ""


def test_whose_clock_has_twelve_hours() -> None:
    at = speech.local(samples.AT, "America/New_York")
    assert Speech(known("en-US"), "America/New_York", told=True).time(at) == "6:05\u202fAM"
    assert Speech(known("en"), "America/New_York", told=True).time(at) == "06:05"


@pytest.mark.parametrize(
    ("tag", "steps"),
    [
        ("ru-RU", ("ru-RU", "ru", "en")),
        ("en", ("en",)),
        ("zh-hant-tw", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
        ("RU", ("ru", "en")),
    ],
)
def test_the_chain_of_locales(tag: str, steps: tuple[str, ...]) -> None:
    assert chain(tag) == steps


def test_a_language_that_is_not_there_is_english_throughout() -> None:
    facts = samples.facts("schedule_changed", "fr-CA")
    assert say(facts, "schedule_changed") == say(replace(facts, locale="en"), "schedule_changed")
    british = say(replace(facts, locale="en-GB"), "schedule_changed").text
    assert "Time agreed: 22 Nov, 14:35–15:05" in british
    assert say(replace(facts, locale="ru-KZ"), "schedule_changed").subject == "Время изменилось: 14:35–15:05"


@pytest.mark.parametrize("source", samples.ORIGINS)
@pytest.mark.parametrize("locale", ["en", "ru"])
def test_every_phase_of_every_kind_of_order_is_a_sentence(source: str, locale: str) -> None:
    said = {phase: say(samples.errand(source, phase, locale), "phase_changed", "sms").text for phase in Phase}
    assert len(set(said.values())) == len(Phase)
    assert all(segments.size(text).segments == 1 for text in said.values())
    assert not any("None" in text or "  " in text or text.endswith((":", ",")) for text in said.values())


def test_a_driver_who_gave_up() -> None:
    facts = replace(samples.errand("trips", Phase.SEARCHING), old_phase="arrived")
    assert say(facts, "phase_changed").subject == "Your driver has cancelled; we are looking for another one"
    assert say(replace(facts, old_phase="created"), "phase_changed").subject == "Looking for a driver"


def test_the_first_driver_another_one_and_the_same_one() -> None:
    first = samples.facts("performer_changed")
    assert first.after is not None
    assert say(replace(first, before=None), "performer_changed", "sms").text.startswith(
        "Your driver has been found: white Kia"
    )
    assert say(first, "performer_changed").subject.startswith("Another driver is coming: Ivan Petrov, white Kia Rio")
    same = replace(first, before={**first.after, "phone": "+70001110000"})
    assert say(same, "performer_changed").subject == "Your driver has a new phone number: +70005550113"


def test_a_status_whose_meaning_is_not_known() -> None:
    facts = replace(samples.facts("status_changed"), status="expired", certain=False)
    assert say(facts, "status_changed", "sms").text == 'Order 885e440d: status "expired", not clear what it means'
    assert "its status is “expired”" in say(facts, "status_changed").text


def test_what_cannot_be_rendered() -> None:
    with pytest.raises(TemplateError, match="there is no template 'pretty': known are cancel_rules_changed, "):
        say(samples.facts("lost"), "pretty")
    with pytest.raises(TemplateError, match="nothing to tell"):
        BUILT_IN.render([], "email")


def test_a_source_that_nobody_knows() -> None:
    assert (
        Templates().render([Part(samples.facts("lost"), "lost")], "sms").text.startswith("Order 885e440d can no longer")
    )
    assert (
        Templates({"trips": Origin("Asia/Tokyo")})
        .render([Part(replace(samples.facts("stalled"), timezone=None), "stalled")], "sms")
        .text.startswith("No news of order 885e440d since 19:50")
    )
