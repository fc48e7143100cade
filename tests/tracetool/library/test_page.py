"""The page on the library is made of its docstrings: `UPDATE_GOLDEN=1` makes it anew. Its examples run."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tracetool as tt
from tests.captures import ROOT
from tracetool import errors
from tracetool.ingest.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "library.md"
EXAMPLES = ROOT / "examples"

SCHEMAS = {
    "EVENTS_SCHEMA": "events",
    "OPERATIONS_SCHEMA": "timeline/operations",
    "ACCESSES_SCHEMA": "timeline/accesses",
    "BLOCKS_SCHEMA": "timeline/blocks",
    "FINDINGS_SCHEMA": "report/tables",
    "FLEET_SCHEMA": "fleet/table",
    "WHO_SCHEMA": "audit/modules",
}
"""Names of the package, and the modules that describe them."""

_LINE = 100
_SECTION = re.compile(r"^(Args|Raises):$", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+): (.*?)(?=^    \w|^\S|\Z)", re.MULTILINE | re.DOTALL)
_TITLES = {"Args": "argument", "Raises": "error"}


def library_page() -> str:
    lines = ["# The library", "", "Generated from the docstrings of `tracetool`.", "", *_prose(tt.__doc__ or "")]
    lines += ["`examples/` has a script and a notebook, which need altair for their plots.", ""]
    for function in (tt.open, tt.scan, tt.diff, tt.variables_in, tt.audit_run, tt.audit_runs, tt.fleet_table):
        lines += _described(f"tracetool.{function.__name__}", function)
    lines += ["## tracetool.Trace", "", *_prose(tt.Trace.__doc__ or "")]
    for name, member in vars(tt.Trace).items():
        if not name.startswith("_"):
            lines += _described(name, member, level=3)
    lines += ["## Frames", ""]
    for name, module in SCHEMAS.items():
        lines += [f"### {name}", "", *_prose(_docstring(module, name)), "| column | type |", "|---|---|"]
        lines += [f"| `{column}` | {_type(str(dtype))} |" for column, dtype in getattr(tt, name).items()]
        lines.append("")
    return "\n".join([*lines, "## Errors", "", *_prose(errors.__doc__ or "")]).rstrip() + "\n"


def _described(name: str, member: object, level: int = 2) -> Iterator[str]:
    """The heading, the signature and the docstring of a function, method or property."""
    function = member.fget if isinstance(member, property) else member
    yield from [f"{'#' * level} {name}", ""]
    if inspect.isfunction(member):
        yield from ["```python", f"{member.__name__}{_signature(member)}", "```", ""]
    yield from _prose(getattr(function, "__doc__", None) or "")


def _signature(function: Callable[..., object]) -> str:
    """The arguments as they are declared: on one line, or a line each."""
    found, parts = inspect.signature(function), list[str]()
    for name, each in found.parameters.items():
        star = str(each)[: str(each).index(name)]
        default = "" if each.default is each.empty else f" = {each.default!r}".replace("'", '"')
        parts += ["*"] * (each.kind is each.KEYWORD_ONLY and not any(part.startswith("*") for part in parts))
        parts += [f"{star}{name}: {each.annotation}{default}"] * (name != "self")
    line, end = f"({', '.join(parts)})", f" -> {found.return_annotation}"
    broken = "".join(["(\n", *(f"    {part},\n" for part in parts), ")"])
    return (line if len(line + end) < _LINE else broken) + end


def _prose(docstring: str) -> Iterator[str]:
    """A docstring as Markdown: the sections of arguments and errors are tables."""
    prose, *sections = _SECTION.split(inspect.cleandoc(docstring))
    yield from [prose.rstrip(), ""]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        yield from [f"| {_TITLES[title]} | |", "|---|---|"]
        yield from (f"| `{name}` | {' '.join(words.split())} |" for name, words in _ITEM.findall(text))
        yield ""


def _docstring(module: str, name: str) -> str:
    """The string below the assignment of a name."""
    body = ast.parse((ROOT / "tracetool" / f"{module}.py").read_text()).body
    at = next(n for n, node in enumerate(body) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name)
    found = body[at + 1]
    assert isinstance(found, ast.Expr)
    text = ast.literal_eval(found.value)
    assert isinstance(text, str)
    return text


def _type(dtype: str) -> str:
    """An enumeration with its names, as they are in queries."""
    names = re.findall(r"'([^']+)'", dtype)
    return f"Enum: {', '.join(names)}" if dtype.startswith("Enum") else dtype


def test_every_format_of_traces_is_named() -> None:
    assert [about for about in FORMATS.about.values() if about not in (tt.open.__doc__ or "")] == []


def test_the_page_is_that_of_the_docstrings() -> None:
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(library_page())
    assert PAGE.read_text() == library_page()


@pytest.mark.parametrize("name", ["open", "scan", *(name for name in vars(tt.Trace) if not name.startswith("_"))])
def test_every_argument_is_described(name: str) -> None:
    function = getattr(tt, name, None) or getattr(tt.Trace, name)
    text = inspect.getdoc(function) or ""
    assert text
    if callable(function) and "Args:" in text:
        described = {argument for argument, _ in _ITEM.findall(text.partition("Args:")[2].partition("Raises:")[0])}
        arguments = set(inspect.signature(function).parameters) - {"self", "keep"}
        assert arguments == described


def source_of(example: Path) -> str:
    if example.suffix == ".py":
        return example.read_text()
    cells = json.loads(example.read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells), "clear the outputs before committing"
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
@pytest.mark.slow
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source_of(example)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "block erase: QEMU erases the block at once" in done.stdout
