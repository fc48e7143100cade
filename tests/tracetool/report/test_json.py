"""The JSON report is what `docs/audit.schema.json` says, key by key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.captures import CAPTURES, ROOT, capture_path
from tests.captures import CASES as CASES_OF_USERS
from tests.tracetool.cli.program import PADDING
from tests.tracetool.report.cases import CASES
from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.audit import Gate, Verdict
from tracetool.audit.compare import compare_policies
from tracetool.audit.figures import TOTALS
from tracetool.audit.reason import Code
from tracetool.report.formats.json import SCHEMA, audit_document, document_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tracetool.cli.program import Quick

DOCUMENTED: dict[str, Any] = json.loads((ROOT / "docs" / "audit.schema.json").read_text())
VALIDATOR = Draft202012Validator(DOCUMENTED)
DEVICE = DOCUMENTED["properties"]["devices"]["items"]["properties"]

RECORDED = [
    *sorted(
        str(path.relative_to(CAPTURES))
        for ending in ("log", "simple")
        for path in CAPTURES.glob(f"*/*.{ending}.zst")
        if not path.name.endswith("who.log.zst")  # no traces: who did what at the time
    ),
    *sorted(f"../cases/{path.name}" for path in CASES_OF_USERS.glob("*.log.zst")),
]
LONG = ("aavmf-reclaim", "powercut", "random-accesses")


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_as_documented(name: str) -> None:
    for gate in (Gate(), Gate(allow_inconclusive=True)):
        document = json.loads(document_text(audit_document(replace(CASES[name](), gate=gate))))
        assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.slow
def test_the_policies_compared_are_as_documented() -> None:
    found = compare_policies([reader(PADDING)], Options())
    assert found.policies
    assert list(VALIDATOR.iter_errors(json.loads(document_text(audit_document(found))))) == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * name.startswith(LONG)) for name in RECORDED]
)
@pytest.mark.first_quick
def test_the_answer_for_a_capture_is_as_documented(name: str, quick: Quick) -> None:
    ended = quick("audit", capture_path(name), "--format", "json")
    assert list(VALIDATOR.iter_errors(json.loads(ended.text))) == []


def test_the_schema_is_one_and_names_everything() -> None:
    Draft202012Validator.check_schema(DOCUMENTED)
    assert DOCUMENTED["properties"]["schema"] == {"const": SCHEMA}
    assert DOCUMENTED["$defs"]["code"]["enum"] == list(Code)
    assert DEVICE["verdict"]["enum"] == list(Verdict)
    assert list(DEVICE["totals"]["properties"]) == list(TOTALS)


def test_the_keys_are_those_of_the_schema_in_its_order() -> None:
    document = audit_document(CASES["outside"]())
    assert list(document) == list(DOCUMENTED["properties"]) == DOCUMENTED["required"]
    assert list(document["devices"][0]) == list(DEVICE) == DOCUMENTED["properties"]["devices"]["items"]["required"]


def test_every_key_is_described() -> None:
    assert [
        name for name, schema in _properties(DOCUMENTED) if not {"description", "const", "$ref"} & set(schema)
    ] == []


def _properties(schema: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        yield from (found for item in schema for found in _properties(item))
    elif isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        yield from (found for item in schema.values() for found in _properties(item))


def test_reasons_have_their_values() -> None:
    (device,) = audit_document(CASES["outside"]())["devices"]
    first = device["reasons"][0]
    assert (first["code"], first["offset"], first["end"], first["extent_bytes"]) == (
        "programmed-outside",
        0x100000,
        0x100004,
        768 << 10,
    )
    assert [reason["text"] for reason in device["reasons"]] == device["verdict_reasons"]
