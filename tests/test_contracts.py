"""Import rules: between packages, between layers, and for the start of the program."""

from __future__ import annotations

import subprocess
import sys

import pytest
from importlinter.cli import lint_imports

from tests.captures import ROOT
from tracetool.bundled import sample


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("heavy", ["textual", "polars", "numpy"])
def test_starting_the_command_line_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys; from tracetool.cli import main; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments", [["--help"], ["audit", "--help"], ["audit", str(sample("aavmf-first-boot/trace.log.zst"))]], ids=str
)
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
