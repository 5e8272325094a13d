"""The HTML report in a real browser: by keyboard, in the dark, on a phone, without a script, and with hostile text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pollproof.report.html import html_of
from pollproof.runs.outcome import Document, unfinished
from tests.browsers import CHROMIUM, QUIET
from tests.reports import HOSTILE, gated, hostile, passed, violated

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NOT TESTED: no chromium on this machine, so the HTML report was seen by no browser"
)

PAGES: dict[str, list[Document]] = {
    "violated": [violated()],
    "side by side": [violated(), passed(), violated("capmonster.poll.terminal"), unfinished(passed())],
    "a gate": [gated([f"scenario-{number}" for number in range(30)], broken="scenario-7")],
    "hostile": [hostile()],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, documents in PAGES.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(html_of(documents), encoding="utf-8")
    return found


@contextmanager
def opened(
    browser: Any, file: Path, *, width: int = 1200, dark: bool = False, script: bool = True, said_of: str = ""
) -> Iterator[Any]:
    """The page, which asks for nothing else and says nothing on its console, but for what a test provokes."""
    with window(browser, script) as page:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(media="null", color_scheme="dark" if dark else "light")
        said: list[str] = []
        heard = {
            "console": lambda message: said.append(message.text),
            "pageerror": lambda error: said.append(str(error)),
            "dialog": lambda dialog: said.append(dialog.message),
            "request": lambda request: said.append(request.url) if request.url != file.as_uri() else None,
        }
        for event, hear in heard.items():
            page.on(event, hear)
        page.goto(file.as_uri())
        yield page
        for event, hear in heard.items():
            page.remove_listener(event, hear)
        assert [words for words in said if not said_of or said_of not in words] == []


@contextmanager
def window(browser: Any, script: bool) -> Iterator[Any]:
    """An empty window: one for all, since a report keeps nothing in the browser and a new one takes long to open."""
    if script and browser.contexts:
        (page,) = browser.contexts[0].pages
        page.goto("about:blank")
        yield page
    elif script:
        yield browser.new_page()
    else:
        context = browser.new_context(java_script_enabled=False)
        yield context.new_page()
        context.close()


def shown(page: Any, selector: str) -> int:
    """How many elements are there for the reader."""
    return int(page.locator(selector).evaluate_all("all => all.filter(one => one.checkVisibility()).length"))


def until(page: Any, condition: str) -> None:
    """Wait for a condition, frame by frame; the page's policy lets Playwright's own way to wait not in."""
    frames = "const look = () => ({}) ? resolve() : --left ? requestAnimationFrame(look) : reject('never'); look();"
    page.evaluate("new Promise((resolve, reject) => { let left = 600; " + frames.format(condition) + " })")


# -------------------------------------------------------------------------------------------- filters


def test_rules_are_filtered_by_keyboard_alone_and_the_count_is_announced(browser: Any, files: Any) -> None:
    with opened(browser, files["violated"]) as page:
        rules, status = len(violated()["clauses"]), page.locator("#shown")
        assert status.text_content() == f"{rules} of {rules} clauses shown"
        assert (status.get_attribute("role"), status.get_attribute("aria-live")) == ("status", "polite")
        seen = []
        for _ in range(30):
            page.keyboard.press("Tab")
            active = page.evaluate("document.activeElement.getAttribute('name') || document.activeElement.textContent")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {active} is seen"
            seen.append(active.strip())
            if active == "text":
                break
        assert seen[0] == "Skip to the report"
        assert seen.count("verdict") == 3
        page.keyboard.type("LIFETIME")
        until(page, "document.querySelectorAll('tr.rule:not([hidden])').length < 9")
        assert "of" in status.text_content()
        names = page.locator("tr.rule:visible th").all_text_contents()
        assert "capsolver.poll.lifetime-ended" in names
        assert shown(page, "article.failure") == 1
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # show all
        until(page, "document.querySelectorAll('tr.rule[hidden]').length == 0")


def test_verdict_level_and_subject_are_filters_too(browser: Any, files: Any) -> None:
    clauses = violated()["clauses"]
    with opened(browser, files["violated"]) as page:
        page.get_by_role("checkbox", name="held").press("Space")
        until(page, "document.querySelectorAll('tr.rule:not([hidden])').length == 1")
        assert shown(page, "article.failure") == shown(page, "details.entry") == 1
        page.get_by_role("checkbox", name="held").press("Space")
        page.get_by_label("Level").select_option("SHOULD")
        count = sum(clause["level"] == "SHOULD" for clause in clauses)
        until(page, f"document.querySelectorAll('tr.rule:not([hidden])').length == {count}")
        assert shown(page, "article.failure") == 0
        page.get_by_label("About the").select_option("client")
        until(page, "document.getElementById('shown').textContent.startsWith('0 of ')")


def test_a_link_to_a_failure_that_is_filtered_out_shows_it_again(browser: Any, files: Any) -> None:
    with opened(browser, files["violated"]) as page:
        page.get_by_role("checkbox", name="violated").press("Space")
        until(page, "document.querySelector('article.failure').hidden")
        page.get_by_role("link", name="capsolver.poll.lifetime-ended").first.press("Enter")
        until(page, "document.activeElement.id == 'failure-1'")
        assert shown(page, "article.failure") == 1


def test_scenarios_are_filtered_by_text_and_by_finding(browser: Any, files: Any) -> None:
    with opened(browser, files["a gate"]) as page:
        assert shown(page, "tr.scenario") == 30
        page.get_by_role("checkbox", name="only with a finding").press("Space")
        until(page, "document.getElementById('scenarios-shown').textContent == '1 of 30 scenarios shown'")
        assert page.locator("tr.scenario:visible th").first.text_content().strip().startswith("scenario-7")


# ------------------------------------------------------------------------------------ light, dark, phone


CONTRAST = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((value) => value / 255)
      .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("script, .unseen, option")) continue;
    const style = getComputedStyle(element);
    const [front, back] = [element.closest("svg") ? style.fill : style.color, behind(element)].map(light);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) bad.push(`${element.tagName} ${element.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
}"""
"""Texts whose contrast is below what WCAG asks for."""


@pytest.mark.parametrize("name", ["violated", "side by side", "a gate"])
def test_every_text_has_contrast_in_light_and_dark(browser: Any, files: Any, name: str) -> None:
    with opened(browser, files[name]) as page:
        page.locator("details").evaluate_all("all => all.slice(0, 20).forEach(one => { one.open = true })")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(CONTRAST) == []


def test_the_system_chooses_the_colours_and_the_button_changes_them(browser: Any, files: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    for dark in (False, True):
        with opened(browser, files["violated"], dark=dark) as page:
            before, button = page.evaluate(paper), page.get_by_role("button", name="Dark colours")
            assert (before == "rgb(255, 255, 255)") is not dark
            assert button.get_attribute("aria-pressed") == ("true" if dark else "false")
            button.press("Enter")
            assert page.evaluate(paper) != before
            assert button.get_attribute("aria-pressed") == ("false" if dark else "true")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_itself_never_scrolls_sideways(browser: Any, files: Any, name: str) -> None:
    with opened(browser, files[name]) as page:
        page.locator("details").evaluate_all("all => all.slice(0, 40).forEach(one => { one.open = true })")
        for width in (768, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_timeline_is_read_on_a_phone(browser: Any, files: Any) -> None:
    with opened(browser, files["violated"], width=360) as page:
        cut = page.locator("svg").evaluate_all(
            """all => all.flatMap(svg => [...svg.querySelectorAll("text")].filter(text => {
              const [inner, outer] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
              return inner.right > outer.right + 1 || inner.left < outer.left - 1;
            })).map(text => text.textContent)"""
        )
        assert cut == []


# -------------------------------------------------------------------------------------- for everybody


def tree(page: Any) -> list[tuple[str, str]]:
    """Roles and names as a screen reader is told them."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        (node["role"]["value"], node.get("name", {}).get("value", "").strip())
        for node in nodes
        if not node.get("ignored")
    ]


@pytest.mark.parametrize("name", ["violated", "side by side", "a gate"])
def test_everything_has_a_role_and_a_name(browser: Any, files: Any, name: str) -> None:
    with opened(browser, files[name]) as page:
        found = tree(page)
        named = {
            "link", "button", "checkbox", "combobox", "searchbox", "search", "image", "table", "region", "article",
            "navigation", "heading", "columnheader", "rowheader", "DisclosureTriangle",
        }  # fmt: skip
        assert [role for role, text in found if role in named and not text] == []
        roles = [role for role, _ in found]
        for landmark in ("banner", "main", "contentinfo", "navigation"):
            assert roles.count(landmark) == 1
        levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), "no level is left out"
        ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
        assert len(ids) == len(set(ids))
        targets = page.locator("a[href^='#']").evaluate_all("all => all.map(one => one.getAttribute('href').slice(1))")
        assert set(targets) <= set(ids)
        assert page.locator("table th:not([scope])").count() == 0


def test_a_verdict_and_a_timeline_are_told_in_words(browser: Any, files: Any) -> None:
    with opened(browser, files["side by side"]) as page:
        row = page.locator("tr.rule", has=page.get_by_text("poll.lifetime-ended", exact=True)).first
        assert "violated" in row.text_content()
        picture = page.get_by_role("img").first
        assert picture.locator("title").text_content().startswith("Timeline of what breaks")
        assert "createTask" in picture.locator("desc").text_content()


def test_without_a_script_everything_is_there_to_be_read(browser: Any, files: Any) -> None:
    with opened(browser, files["violated"], script=False) as page:
        assert page.locator("article.failure").is_visible()
        assert page.locator("tr.rule").count() == len(violated()["clauses"])
        assert not page.locator("#filters").is_visible()
        assert not page.locator("#theme").is_visible()
        page.locator("details.entry summary").first.click()
        assert page.locator("details.entry dl").first.is_visible()


def test_paper_has_no_folds_and_no_controls(browser: Any, files: Any) -> None:
    with opened(browser, files["violated"]) as page:
        page.emulate_media(media="print")
        assert not page.locator("#filters").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_hostile_text_is_inert(browser: Any, files: Any) -> None:
    with opened(browser, files["hostile"], said_of="violates the following Content Security Policy") as page:
        assert page.title().startswith("violated: ")
        assert page.locator("script").count() == 1
        assert page.locator("main img, main svg [onload], iframe, main style").count() == 0
        assert HOSTILE[0] in page.locator("h1").text_content()
        assert "\u202e" not in page.content()
        refused = page.evaluate(
            """() => { const one = document.createElement("script"); one.textContent = "document.title = 'owned'";
              const before = document.title; document.body.append(one); return document.title === before; }"""
        )
        assert refused, "the page's own policy lets no other script run"
