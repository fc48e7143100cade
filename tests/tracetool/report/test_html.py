from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from tests.captures import capture_path
from tests.tracetool.report.cases import CASES, CONTROL, HOSTILE
from tests.tracetool.traces import audited
from tracetool.analysis.tolls import Toll
from tracetool.bundled import sample
from tracetool.findings import RULES
from tracetool.images import load_image
from tracetool.ingest import TraceMeta
from tracetool.report.facts import headline
from tracetool.report.formats.html import write_html
from tracetool.uefi.varstore import find_variable_store

LIMIT = 2 << 20
VOID = "meta"
"""The only element that has no end."""

EMPTY = ("path", "rect")
"""Elements of SVG that may be written as empty."""

ELEMENTS = """
    html head meta title style script body header main section article footer div span p a h1 h2 h3 ul li dl dt dd code
    figure figcaption table caption thead tbody tr th td details summary svg desc defs pattern path rect g text
"""


class Page(HTMLParser):
    """The elements of a page, checked to be closed in the order in which they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag != VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG that holds nothing."""
        assert tag in EMPTY
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """The element that began last ends."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text, of which that of style sheet and script is not to be read."""
        if self._open[-1:] not in (["style"], ["script"]):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What is to be read."""
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for found, attributes in self.elements if found == tag]


def page(name: str) -> Page:
    return Page(write_html(CASES[name]()))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.first_quick
def test_the_page_is_whole_and_alone(name: str) -> None:
    """Only the elements that are meant, one script, and nothing from anywhere else."""
    text = write_html(CASES[name]())
    found = Page(text)
    assert {tag for tag, _ in found.elements} <= set(ELEMENTS.split())
    assert len(found.all("script")) == len(found.all("style")) == 1
    names = {name for _, attributes in found.elements for name in attributes}
    assert not names & {"src", "srcset", "data", "action", "ping", "poster"}
    assert not [name for name in names if name.startswith(("on", "xlink"))]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in found.elements)
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}


@pytest.mark.parametrize("name", CASES)
def test_the_parts_of_the_page_refer_to_each_other(name: str) -> None:
    found = page(name)
    ids = Counter(attributes["id"] for _, attributes in found.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    links = [(attributes.get("href") or "")[1:] for attributes in found.all("a")]
    labels = [label for _, a in found.elements for label in (a.get("aria-labelledby") or "").split()]
    assert {*links, *labels} <= set(ids)
    assert all(head.get("scope") in ("col", "row") for head in found.all("th"))
    for drawing in found.all("svg"):
        assert drawing.get("aria-hidden") == "true" or (drawing["role"] == "img" and drawing["aria-labelledby"])


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_comes_first(name: str) -> None:
    audit = CASES[name]()
    found = page(name)
    assert next(tag for tag, _ in found.elements if re.fullmatch(r"h\d", tag)) == "h1"
    shown = f"{audit.verdict}: {headline(audit)}".translate({7: "\\x07", 27: "\\x1b"})
    assert shown in found.text.partition("Audit of")[0]
    for finding in audit.findings:
        assert RULES[finding.rule].remedy in found.text


@pytest.mark.parametrize("name", ["hostile name", "damaged", "host failure"])
def test_what_stands_in_a_trace_stays_text(name: str) -> None:
    text = write_html(CASES[name]())
    assert "alert(" in Page(text).text
    assert HOSTILE not in text
    assert len(re.findall(r"<script", text)) == 1


def test_the_name_of_a_file_stays_text() -> None:
    audit = CASES["outside"]()
    name = "\"><img src=x onerror='alert(1)'>&\udcff\u202e.log"
    text = write_html(replace(audit, traces=(replace(audit.traces[0], meta=TraceMeta(name, name)),)))
    assert text.encode()
    assert Page(text).all("img") == []
    assert "<img src=x onerror='alert(1)'>&" in Page(text).text


def test_characters_that_hide_are_shown() -> None:
    text = write_html(CASES["control characters"]())
    assert not set(CONTROL) & {"\x07", "\x1b"} & set(text)
    assert r"virt.flash1\x07\x1b" in text


def test_the_script_is_the_only_one_that_may_run() -> None:
    text = write_html(CASES["padding"]())
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{wanted}'"


def test_a_table_row_has_a_cell_for_every_head() -> None:
    for table in re.findall(r"<table.*?</table>", write_html(CASES["boots"]()), re.DOTALL):
        head, *rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        assert {len(re.findall(r"<t[dh]\b", row)) for row in rows} == {len(re.findall(r"<th\b", head))}


# --- colours -----------------------------------------------------------------------------------------------------


def schemes() -> list[dict[str, str]]:
    """The colours by name: of light, and of light with those of dark over them."""
    style = files("tracetool.report.formats").joinpath("page", "style.css").read_text()
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    return [light, light | dark]


def luminance(colour: str) -> float:
    """Relative luminance. Ref: WCAG 2.2, section 5 (glossary)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", schemes(), ids=["light", "dark"])
def test_colours_can_be_told_from_what_lies_behind(colours: dict[str, str]) -> None:
    """Ref: WCAG 2.2, 1.4.3 (text: 4.5) and 1.4.11 (graphics: 3)."""
    for text in ("text", "quiet", "link"):
        for behind in ("card", "page", "faint"):
            assert contrast(colours[text], colours[behind]) >= 4.5
    for tone in ("bad", "unsure", "none", "good"):
        assert contrast(colours[f"on-{tone}"], colours[tone]) >= 4.5
        assert contrast(colours[tone], colours["card"]) >= 4.5
    for bar in ("erase", "program", "other"):
        assert contrast(colours[bar], colours["card"]) >= 3


# --- sizes -------------------------------------------------------------------------------------------------------


def test_a_sample_is_small() -> None:
    assert len(write_html(CASES["boots"]()).encode()) < LIMIT // 32


@pytest.mark.slow
def test_a_long_capture_is_no_larger() -> None:
    audit = audited(capture_path("aavmf-reclaim/trace.log.zst")).audit
    assert len(write_html(audit).encode()) < LIMIT // 32


def test_power_cuts_and_free_space_are_lanes_of_the_activity() -> None:
    found = page("power cuts")
    classes = [attributes.get("class") for attributes in found.all("rect")]
    legend = [f"toll-{toll}" for toll in Toll]
    assert all(classes.count(name) >= 1 for name in legend)
    assert classes.count("toll-no-start") > 1
    assert classes.count("room") > 10
    assert "a power cut keeps the firmware from starting, " in found.text
    after = find_variable_store(load_image(sample("aavmf-first-boot/flash1-after.fd.zst"), limit=64 << 20))
    assert after is not None
    assert f"262,044 to {after.free_bytes:,} B" in found.text


def test_a_page_without_power_cuts_has_no_ribbon() -> None:
    found = page("padding")
    assert not [name for a in found.all("rect") if (name := a.get("class") or "").startswith(("toll", "room"))]
