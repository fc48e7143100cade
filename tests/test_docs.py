"""The documents agree with the program: its output, commands, options and rules.

`UPDATE_GOLDEN=1 python -m pytest tests/test_docs.py` writes the generated pages anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.captures import ROOT
from tracetool.cli.app import program
from tracetool.export.formats import FORMATS as EXPORT_FORMATS
from tracetool.findings import RULES
from tracetool.ingest.formats import FORMATS as TRACE_FORMATS
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tracetool.cli.program import Quick
    from tracetool.registry import Registry


README = ROOT / "README.md"
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
RULES_PAGE = ROOT / "docs" / "rules.md"

CONTEXT = click.Context(program, info_name="tracetool", **program.context_settings)
COMMANDS = {name: command for name in program.list_commands(CONTEXT) if (command := program.get_command(CONTEXT, name))}

_COMPLETION = ("--install-completion", "--show-completion")
_EXAMPLE = re.compile(r"^(tracetool (?:[^\n]|\\\n)*?)  # exit code (\d)$", re.MULTILINE)


def generated(path: Path, text: str) -> str:
    """Text of a generated page; with `UPDATE_GOLDEN=1` it is written first."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
    return path.read_text()


def options_of(command: str) -> Iterator[tuple[str, str, str]]:
    """Names, value and help of each option that is not hidden."""
    for parameter in COMMANDS[command].params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(CONTEXT)):
            value = "" if parameter.is_flag else parameter.make_metavar(CONTEXT)
            yield ", ".join(sorted(parameter.opts, key=len)), value, " ".join(record[1].split())


def one_line(text: str) -> str:
    """First paragraph of a help text, on one line."""
    return " ".join(text.partition("\n\n")[0].split())


# --- generated pages ---------------------------------------------------------------------------------------------


def commands_page() -> str:
    lines = ["# Commands", "", "Generated from the program; `tracetool COMMAND --help` says the same.", ""]
    for name, command in COMMANDS.items():
        arguments = [piece for parameter in command.params for piece in parameter.get_usage_pieces(CONTEXT)]
        lines += [f"## {' '.join(['tracetool', name, *arguments])}", ""]
        lines += [" ".join(paragraph.split()) + "\n" for paragraph in (command.help or "").split("\n\n")]
        options = list(options_of(name))
        if options:
            lines += ["| option | value | meaning |", "|---|---|---|"]
            lines += [
                f"| `{option}` | {_cell(value)} | {_cell(help_, code=False)} |" for option, value, help_ in options
            ]
            lines.append("")
    return "\n".join(lines)


def _cell(text: str, *, code: bool = True) -> str:
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`" if code and text else escaped


def rules_page() -> str:
    lines = ["# Rules", "", "Generated from the program; `tracetool rules RULE` says the same.", ""]
    lines += ["| rule | severity | finds |", "|---|---|---|"]
    lines += [f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity.label} | {rule.title} |" for rule in RULES.values()]
    for rule in RULES.values():
        lines += ["", f"## {rule.id}", "", f"{rule.title[0].upper()}{rule.title[1:]} ({rule.severity.label}).", ""]
        lines += [f"*Why it matters.* {rule.why}", "", f"*How to find the cause.* {rule.cause}", ""]
        lines += [f"*What to do.* {rule.remedy}"]
    return "\n".join(lines) + "\n"


def test_every_command_and_option_is_documented() -> None:
    assert generated(COMMANDS_PAGE, commands_page()) == commands_page()


def test_every_rule_is_documented() -> None:
    assert generated(RULES_PAGE, rules_page()) == rules_page()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    assert one_line(COMMANDS[command].help or "")
    assert [names for names, _, text in options_of(command) if not text] == []


def test_every_option_of_the_program_has_help() -> None:
    own = [parameter for parameter in program.params if parameter.opts[0] not in _COMPLETION]
    assert [parameter.opts for parameter in own if not getattr(parameter, "help", None)] == []
    assert all(name in README.read_text() for parameter in own for name in parameter.opts if name != "--version")


# --- the readme --------------------------------------------------------------------------------------------------


def make_demo() -> str:
    """Output of `make demo` in the environment of the tests, without its remark on kernels in plain Python."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", f"--old-file={sys.prefix}/.run", f"VENV={sys.prefix}", "demo"]
    done = subprocess.run(
        command, cwd=ROOT, env=settings | {"COLUMNS": "72"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "plain Python" not in line)


def with_block(name: str, text: str) -> str:
    """The README with a text between the marks of a generated block."""
    begin, end = (f"<!-- {name}: {mark} -->\n" for mark in ("begin", "end"))
    before, _, rest = README.read_text().partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{text}{end}{after}"


@pytest.mark.slow
def test_the_readme_shows_what_make_demo_prints() -> None:
    expected = with_block("demo output", f"```text\n{make_demo()}```\n")
    assert generated(README, expected) == expected


@pytest.mark.slow
def test_the_readme_shows_the_modules_of_the_sample(quick: Quick) -> None:
    commands = re.findall(r"^tracetool who samples.*$", section("Who wrote to 0x100000?"), re.MULTILINE)
    (command,) = commands
    expected = with_block("who output", f"```text\n{quick(*shlex.split(command)[1:]).text}```\n")
    assert generated(README, expected) == expected


def formats_table() -> str:
    registries: dict[str, Registry[Any]] = {
        "traces": TRACE_FORMATS,
        "reports of `audit`": REPORTS,
        "`export`": EXPORT_FORMATS,
    }
    cells = [
        f"| {what} | {', '.join(f'`{name}` ({about})' for name, about in registry.about.items())} |\n"
        for what, registry in registries.items()
    ]
    return "".join(["| formats | |\n|---|---|\n", *cells])


def test_the_readme_has_every_format() -> None:
    expected = with_block("formats", formats_table())
    assert generated(README, expected) == expected


def section(title: str, page: Path = README) -> str:
    """Text of a section, without its title."""
    return page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_readme_has_a_line_and_an_example_for_every_command() -> None:
    text = section("Commands")
    assert {line.split()[1] for line, _ in _EXAMPLE.findall(text)} == set(COMMANDS)


_WITH_QEMU = ("record", "audit-firmware")
"""Commands whose examples run a real QEMU: `tests/live/test_recipes.py` does."""

EXAMPLES = [found for found in _EXAMPLE.findall(section("Commands")) if found[0].split()[1] not in _WITH_QEMU]


@pytest.mark.parametrize(("command", "code"), EXAMPLES, ids=[command.split()[1] for command, _ in EXAMPLES])
@pytest.mark.first_quick
def test_the_readme_s_commands_end_as_they_say(
    command: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Quick
) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    arguments = shlex.split(command.replace("\\\n", ""))[1:]
    monkeypatch.chdir(tmp_path)
    ended = quick(*arguments)
    assert (ended.code, "Traceback" in ended.err) == (int(code), False), ended.err


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "samples/README.md"])
def test_links_outside_of_the_site_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """A warning is a link or an anchor that leads nowhere."""
    build = [sys.executable, "-m", "mkdocs", "--quiet", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (tmp_path / "rules.html").exists()


def test_the_readme_lists_every_page() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert set(re.findall(r"\(docs/([\w.-]+)\)", section("Documentation"))) == pages


# --- help --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_no_types_of_the_language(name: str, quick: Quick) -> None:
    ended = quick(name, "--help")
    assert ended.code == 0
    assert not re.search(r"<\w|\{|list\[", ended.text), "metavars of the field, not <bool>, <list[str]> or {TRACE}"
    assert not re.search(r"\b(TEXT|INTEGER|FLOAT|BOOLEAN|CHOICE)\b", ended.text)


@pytest.mark.parametrize("width", [72, 80])
@pytest.mark.parametrize("name", [*COMMANDS, ""])
def test_help_keeps_to_the_terminal(name: str, width: int, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values such as max-chip=2 are not broken at the hyphen."""
    monkeypatch.setattr("tests.conftest.COLUMNS", str(width))
    text = quick(*([name] if name else []), "--help").text
    assert max(map(len, text.splitlines())) <= width
    assert not re.search(r"=\S+-$|,\S*-$", text, re.MULTILINE)


def test_an_argument_that_may_be_repeated_ends_in_dots(quick: Quick) -> None:
    assert quick("audit", "--help").text.startswith("Usage: tracetool audit [OPTIONS] TRACE...\n")
    assert quick("rules", "--help").text.startswith("Usage: tracetool rules [OPTIONS] [RULE]\n")
