from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import xmlschema

from tests.tracetool.report.cases import CASES, CONTROL, DEVICE, HOSTILE
from tracetool.audit import Gate
from tracetool.findings import RULES, Severity
from tracetool.report.formats.junit import write_junit

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
OUTCOMES = ("failure", "error", "skipped")


def parsed(name: str, fail_on: Severity = Severity.ERROR, *, allow_inconclusive: bool = False) -> ET.Element:
    return ET.fromstring(write_junit(replace(CASES[name](), gate=Gate(fail_on, allow_inconclusive))))  # noqa: S314


def suite(root: ET.Element, name: str) -> ET.Element:
    return next(found for found in root if found.get("name") == name)


def case(found: ET.Element, words: str) -> ET.Element:
    return next(one for one in found.iter("testcase") if words in (one.get("name") or ""))


def ends(root: ET.Element) -> Counter[str]:
    return Counter(child.tag for one in root.iter("testcase") for child in one)


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_valid(name: str) -> None:
    assert list(SCHEMA.iter_errors(write_junit(CASES[name]()))) == []


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("fail_on", Severity)
@pytest.mark.parametrize("name", CASES)
def test_it_fails_where_the_exit_code_does(name: str, fail_on: Severity, allow: bool) -> None:
    """Failures exactly for exit code 1; errors, and no failures, exactly for 4; neither for 0."""
    audit = replace(CASES[name](), gate=Gate(fail_on, allow))
    root = ET.fromstring(write_junit(audit))  # noqa: S314
    found = ends(root)
    code = 1 if found["failure"] else 4 if found["error"] else 0
    assert code == audit.ending.code


@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_the_cases(name: str) -> None:
    root = parsed(name)
    for found in [*root, root]:
        counted = ends(found)
        assert int(found.get("tests", -1)) == len(list(found.iter("testcase")))
        assert [int(found.get(f"{tag}s", -1)) for tag in ("failure", "error")] == [counted["failure"], counted["error"]]
        assert int(found.get("skipped", counted["skipped"])) == counted["skipped"]


def test_every_rule_is_a_case_of_every_device() -> None:
    root = parsed("padding")
    names = {(one.get("name") or "") for found in root for one in found}
    assert {f"{DEVICE}: EXT001 program outside the extent", f"{DEVICE}: verdict"} <= names
    assert [rule for rule in RULES if not any(rule in name for name in names)] == []


def test_a_finding_below_the_limit_is_output() -> None:
    warned = case(suite(parsed("padding"), "virt.flash0"), "RO001")
    assert [child.tag for child in warned] == ["system-out"]
    assert "2 stray stores" in (warned[0].text or "")
    failed = case(suite(parsed("padding", Severity.WARNING), "virt.flash0"), "RO001")
    assert [child.tag for child in failed] == ["failure"]


def test_a_rule_that_could_not_look_is_skipped_with_the_reason() -> None:
    found = case(suite(parsed("no-extent"), DEVICE), "EXT001")
    assert (found[0].tag, found[0].get("message")) == ("skipped", "no extent is known: give --extent or --image")


def test_the_figures_are_properties() -> None:
    listed = suite(parsed("padding"), DEVICE).find("properties")
    assert listed is not None
    figures = {found.get("name"): found.get("value") for found in listed}
    assert figures["minimum_backing_bytes"] == str(1280 << 10)
    assert (figures["extent_bytes"], figures["verdict"]) == (str(768 << 10), "outside-extent")


def test_names_that_mean_harm_are_only_names() -> None:
    assert suite(parsed("hostile name"), HOSTILE).get("errors") == "0"


def test_characters_that_xml_does_not_know_are_left_out() -> None:
    found = suite(parsed("control characters"), DEVICE)
    assert DEVICE != CONTROL
    assert [one.get("classname") for one in found.iter("testcase")].count(DEVICE) > 1
