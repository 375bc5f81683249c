"""An operator's folder of messages: found, checked file by file, and known to the rules."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from notifier.config.load import load, load_templates
from notifier.config.templates import templates
from notifier.errors import ConfigError
from notifier.rendering import samples
from notifier.rendering.render import Part

BASE = """\
sources:
  trips: {type: business_v2, token: t, timezone: Asia/Yekaterinburg}
  parcels: {type: track_trace, token: t, account: {company_id: "1"}}
sinks:
  hook: {type: webhook, url: "https://example.org/h", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "messages"
    (folder / "ru").mkdir(parents=True)
    (folder / "en").mkdir()
    return folder


def written(folder: Path, more: str = "") -> Path:
    path = folder.parent / "notifier.yaml"
    path.write_text(f"{BASE}templates: {{folder: {folder}}}\n{more}", encoding="utf-8")
    return path


def problems(path: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return dict(caught.value.problems)


def test_one_part_is_ones_own_the_others_stay_built_in(folder: Path) -> None:
    (folder / "ru" / "driver_arrived.sms.txt.j2").write_text("Машина подана: {{ driver.car }}\n", encoding="utf-8")
    made = templates(load(written(folder), {}))
    part = Part(samples.facts("driver_arrived", "ru"), "driver_arrived")
    assert made.render([part], "sms").text == "Машина подана: белый Kia Rio, А123ВС777"
    assert made.render([part], "email").subject == "Водитель приехал: белый Kia Rio, А123ВС777"
    english = replace(part.facts, locale="en")
    assert made.render([Part(english, "driver_arrived")], "sms").text.startswith("Your driver has arrived")


def test_zones_and_errands_are_the_sources(folder: Path) -> None:
    made = templates(load(written(folder), {}))
    stalled = replace(samples.facts("stalled"), timezone=None)
    assert made.render([Part(stalled, "stalled")], "email").subject == "No news of order 885e440d since 15:50"
    courier = replace(samples.facts("driver_arrived"), source="parcels")
    assert made.render([Part(courier, "driver_arrived")], "email").subject.startswith("Your courier has arrived")


def test_a_template_of_ones_own_is_one_that_rules_may_name(folder: Path) -> None:
    rule = "rules:\n  - {name: a, when: {}, send: [{sink: hook, template: %s}]}\n"
    (folder / "en" / "pickup.message.txt.j2").write_text("Go to {{ order.origin }}.", encoding="utf-8")
    assert load(written(folder, rule % "pickup"), {}).rules[0].sends[0].template == "pickup"
    assert problems(written(folder, rule % "pickupp")) == {
        "rules[0].send[0].template": "unknown template 'pickupp': did you mean pickup? (line 8)"
    }
    for never in ("group", "digest", "layout"):
        assert "unknown template" in problems(written(folder, rule % never))["rules[0].send[0].template"]


def test_every_broken_file_is_told_of_with_its_line_beside_all_other_problems(folder: Path) -> None:
    broken = {
        "ru/driver_arrived.sms.txt.j2": "one\n{{ drver.car }}",
        "ru/lost.message.txt.j2": "{% if %}",
        "en/stalled.email.html.j2": "<p>\n\n{{ order.amuont }}</p>",
        "en/finished.message.txt.j2": "It was {{ order.amount|round }}.",
        "en/tracked.message.txt.j2": "{% include 'en/_footer.txt.j2' %}",
        "en/cancelled.message.txt.j2": "{{ ''.__class__.__mro__ }}",
        "en/test.message.txt.j2": "{{ 'x' * 1000000000 }}",
        "ru/pickup.message.txt.j2": "Подойдите.",
        "ru/labels.txt": "driver: Шофёр\ncar\n",
        "notes.j2": "",
    }
    for name, text in broken.items():
        (folder / name).write_text(text, encoding="utf-8")
    found = problems(written(folder, "retention: 30\n"))
    lead = f"templates.folder.{folder}/"
    said = {path.removeprefix(lead): text.removesuffix(" (line 6)") for path, text in found.items()}
    assert said.pop("retention").startswith("30 is not a duration")
    assert said.pop("notes.j2").startswith("is no name of a template: write <locale>/<template>.<part>.j2")
    assert said.pop("en/cancelled.message.txt.j2:1").startswith(
        "access to attribute '__class__' of 'str' object is unsafe"
    )
    assert said.pop("en/finished.message.txt.j2:1").startswith("TypeError: ")
    assert said.pop("en/test.message.txt.j2:1").startswith("* is for numbers only here (tried with ")
    assert said == {
        "ru/driver_arrived.sms.txt.j2:2": "there is no 'drver': did you mean driver?",
        "ru/lost.message.txt.j2:1": "Expected an expression, got 'end of statement block'",
        "en/stalled.email.html.j2:3": "order has no 'amuont': did you mean amount?",
        "en/tracked.message.txt.j2:1": "there is no file 'en/_footer.txt.j2'",
        "en/pickup.message.txt.j2": "is missing: it is what readers of any other language get",
        "ru/labels.txt:2": "write name: words",
    }


def test_the_frame_and_the_words_of_all_mails(folder: Path) -> None:
    (folder / "en" / "layout.email.txt.j2").write_text(
        "{{ message }}\n{{ labels.driver }}: {{ driver.name }}\n", encoding="utf-8"
    )
    (folder / "ru" / "labels.txt").write_text("driver: Шофёр\n", encoding="utf-8")
    made = templates(load(written(folder), {}))
    told = made.render([Part(samples.facts("driver_arrived", "ru"), "driver_arrived")], "email")
    assert told.text == "Водитель приехал: белый Kia Rio, А123ВС777.\nШофёр: Иван Петров\n"
    assert ">Шофёр<" in told.html
    assert ">Машина<" in told.html


def test_another_language(folder: Path) -> None:
    (folder / "de").mkdir()
    (folder / "de" / "driver_arrived.message.txt.j2").write_text(
        "Ihr Fahrer ist da ({{ event.time|full }}).", encoding="utf-8"
    )
    (folder / "de" / "labels.txt").write_text("driver: Fahrer\n", encoding="utf-8")
    made = templates(load(written(folder), {}))
    told = made.render([Part(samples.facts("driver_arrived", "de-AT"), "driver_arrived")], "email")
    assert told.subject == "Ihr Fahrer ist da (22. Nov., 14:05)."
    assert "Fahrer: Ivan Petrov\nPhone: " in told.text
    assert '<html lang="de">' in told.html


def test_shared_pieces_and_labels_of_some_orders(folder: Path) -> None:
    (folder / "_sign.txt.j2").write_text("– Team {{ order.labels.team }}{{ order.labels.nothing }}", encoding="utf-8")
    (folder / "en" / "lost.message.txt.j2").write_text("Lost.\n{% include '_sign.txt.j2' %}\n", encoding="utf-8")
    made = templates(load(written(folder), {}))
    assert made.render([Part(samples.facts("lost"), "lost")], "email").text.startswith("Lost.\n– Team sales\n")


def test_a_folder_that_cannot_be_read(tmp_path: Path, folder: Path) -> None:
    assert problems(written(tmp_path / "none")) == {
        "templates.folder": f"{tmp_path / 'none'} is not a folder: create it, or leave this out (line 6)"
    }
    (folder / "en" / "lost.sms.txt.j2").write_bytes(b"\xff")
    assert problems(written(folder))["templates.folder"].endswith("lost.sms.txt.j2 is not a text in UTF-8 (line 6)")
    (folder / "en" / "lost.sms.txt.j2").write_bytes(b" " * 300_000)
    assert "is larger than 256 KiB" in problems(written(folder))["templates.folder"]


def test_a_mount_of_kubernetes_is_read_once(tmp_path: Path) -> None:
    """A config map's files are links into a folder whose name begins with two dots."""
    data = tmp_path / "messages" / "..2026_11_22" / "en"
    data.mkdir(parents=True)
    (data / "lost.sms.txt.j2").write_text("Gone.", encoding="utf-8")
    (tmp_path / "messages" / "..data").symlink_to("..2026_11_22")
    (tmp_path / "messages" / "en").symlink_to("..data/en")
    config = load(written(tmp_path / "messages"), {})
    assert dict(config.templates.files) == {"en/lost.sms.txt.j2": "Gone."}


def test_messages_can_be_tried_without_the_services_secrets(folder: Path) -> None:
    path = written(folder)
    path.write_text(path.read_text(encoding="utf-8").replace("token: t,", 'token: "${NOT_SET}",'), encoding="utf-8")
    with pytest.raises(ConfigError):
        load(path, {})
    stalled = replace(samples.facts("stalled"), timezone=None)
    assert load_templates(path, {}).render([Part(stalled, "stalled")], "email").subject.endswith("since 15:50")
    (folder / "en" / "lost.sms.txt.j2").write_text("{{ x }}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lost.sms.txt.j2:1: there is no 'x'"):
        load_templates(path, {})
