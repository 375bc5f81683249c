"""The HTML mails in a real browser: they fit the screen of a phone and can be read, light and dark."""

import json
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

import pytest

from notifier.rendering import samples
from tests.rendering.test_hostile import spoilt
from tests.rendering.told import sample, say

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
WIDTH = 360  # CSS pixels of a small phone
READABLE = 4.5  # WCAG 2.2, 1.4.3, 'Contrast (Minimum)'

MEASURE = """
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parts = color => color.match(/[\\d.]+/g).map(Number);
function ground(element, view) {
  for (; element; element = element.parentElement) {
    const color = parts(view.getComputedStyle(element).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
}
addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const mail = frame.contentDocument, view = frame.contentWindow;
    const texts = [...mail.body.querySelectorAll('*')].filter(
      element => element.clientWidth >= 0 && view.getComputedStyle(element).display !== 'none' && element.offsetParent
        && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
    const ratios = texts.map(element => {
      const ink = parts(view.getComputedStyle(element).color);
      const pair = [light(ink), light(ground(element, view))].sort((a, b) => b - a);
      return (pair[0] + 0.05) / (pair[1] + 0.05);
    });
    found[frame.title] = {
      width: mail.documentElement.scrollWidth, texts: texts.length, contrast: Math.min(...ratios),
      ground: light(ground(mail.body, view)),
      requests: view.performance.getEntriesByType('resource').length,
    };
  }
  document.getElementById('out').textContent = JSON.stringify(found);
});
"""


def mails() -> dict[str, str]:
    found = {
        f"{name} {locale}{' little' if bare else ''}": sample(name, locale, "email", bare).html
        for name in ("driver_arrived", "cancelled", "finished", "cancel_rules_changed", "group", "digest", "test")
        for locale in ("en", "ru")
        for bare in (False, True)
    }
    found["endless words"] = say(spoilt("driver_arrived", "ru", "W" * 190), "driver_arrived").html
    found["right to left"] = say(spoilt("driver_arrived", "en", "محمد"), "driver_arrived").html
    return found


def measured(folder: Path, mode: str) -> dict[str, dict[str, Any]]:
    assert CHROMIUM is not None
    frames = "".join(
        f'<iframe title="{title}" width="{WIDTH}" height="900" srcdoc="{escape(html)}"></iframe>'
        for title, html in mails().items()
    )
    page = folder / f"{mode}.html"
    page.write_text(f"<meta charset=utf-8><pre id=out></pre><script>{MEASURE}</script>{frames}", encoding="utf-8")
    scheme = {"dark": 0, "light": 1}[mode]
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={folder / mode}", f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=800,1000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, encoding="utf-8", timeout=90, check=False,
    )  # fmt: skip
    _, found, rest = done.stdout.partition('<pre id="out">')
    assert found, f"Chromium ended with {done.returncode}: {done.stderr[-2000:]}"
    told: dict[str, dict[str, Any]] = json.loads(rest.partition("</pre>")[0])
    return told


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the HTML mails were not looked at")
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_mails_fit_a_phone_and_can_be_read(mode: str, tmp_path: Path) -> None:
    found = measured(tmp_path, mode)
    assert found.keys() == mails().keys()
    for title, mail in found.items():
        assert mail["width"] <= WIDTH, f"{title} is {mail['width']} pixels wide"
        assert mail["texts"] >= 3, title
        assert mail["contrast"] >= READABLE, f"{title}: {mail['contrast']:.2f} to 1"
        assert mail["requests"] == 0, f"{title} asks for something from elsewhere"
        assert (mail["ground"] < 0.1) == (mode == "dark"), f"{title} is not {mode}"


def test_a_mail_needs_nothing_from_elsewhere() -> None:
    for title, html in mails().items():
        assert not any(word in html for word in ("http:", "https:", "url(", "<img", "<link", "<script", "@import")), (
            title
        )
        assert len(html) < 20_000, title


def test_every_style_stands_in_its_place() -> None:
    """Clients that drop <style> show the same mail in light colours."""
    html = say(samples.facts("driver_arrived"), "driver_arrived").html
    style, _, body = html.partition("</style>")
    assert body.count("style=") > 20
    assert ".card" in style
    assert 'name="color-scheme" content="light dark"' in style
