"""Import rules: between packages, between layers, and for the start of the program."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.captures import ROOT
from tracetool.bundled import sample


@pytest.mark.slow
def test_the_import_contracts_hold() -> None:
    """In a process of its own: it switches off the loggers of the process that it runs in."""
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("heavy", ["textual", "polars", "numpy"])
@pytest.mark.parametrize("start", ["from tracetool.cli import main", "import tracetool; tracetool.__version__"])
def test_neither_command_line_nor_library_starts_with_anything_heavy(start: str, heavy: str) -> None:
    code = f"import sys; {start}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments", [["--help"], ["audit", "--help"], ["audit", str(sample("aavmf-first-boot/trace.log.zst"))]], ids=str
)
@pytest.mark.first_quick
def test_neither_help_nor_the_audit_of_a_boot_loads_textual(arguments: list[str]) -> None:
    code = (
        "import sys; from tracetool.cli import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try: main()\n"
        "finally: print(*sorted({'textual'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert done.stdout


@pytest.mark.slow
def test_no_face_decides_by_words() -> None:
    """Labels, phrases and styles are written by one face; others go by keys."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in ("audit", "report", "viewmodel", "tui")
        for path in (ROOT / "tracetool" / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and _compares_words(node)
    ]
    assert found == []


def _compares_words(node: ast.Compare) -> bool:
    parts = [node.left, *node.comparators]
    words = any(isinstance(part, ast.Attribute) and part.attr in ("label", "words", "style") for part in parts)
    return words and any(isinstance(text, ast.Constant) and text.value for part in parts for text in ast.walk(part))


@pytest.mark.slow
def test_the_flash_alone_loads_no_trace_format_and_no_interface() -> None:
    code = (
        "import importlib, pkgutil, sys, replay; from replay.kernel_form import is_compiled\n"
        "for module in pkgutil.walk_packages(replay.__path__, 'replay.'):\n"
        "    if is_compiled() or module.name not in ('replay.native', 'replay._utility'):\n"
        "        importlib.import_module(module.name)\n"
        "print(*{'tracetool', 'click', 'rich', 'textual'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == ""
