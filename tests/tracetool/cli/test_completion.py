"""Completion: what a shell is told, and that it is told so at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from replay.boards import boards
from tests.captures import ROOT
from tests.tracetool.cli.program import PADDING, environment, tracetool
from tracetool.cli.completion import VARIABLE
from tracetool.findings import RULES
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Ended, Quick

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(name="completed")
def _completed(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> Completed:
    return Completed(quick, monkeypatch)


class Completed:
    """What bash is told of the last word of a command line."""

    def __init__(self, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
        self.quick, self.monkeypatch = quick, monkeypatch

    def __call__(self, *words: str) -> list[str]:
        """Complete the last of the words."""
        self.monkeypatch.setenv(VARIABLE, "bash_complete")
        self.monkeypatch.setenv("COMP_WORDS", " ".join(["tracetool", *words]))
        self.monkeypatch.setenv("COMP_CWORD", str(len(words)))
        ended = self.quick()
        assert (ended.code, ended.err) == (0, "")
        return [line.partition(",")[2] for line in ended.text.splitlines()]

    def kinds(self, *words: str) -> list[str]:
        """Of what kind the completions are: plain, or file and dir for names that the shell completes."""
        self(*words)
        return [line.partition(",")[0] for line in self.quick().text.splitlines()]


VALUES = [
    (["audit", "--policy", ""], ["padded", "discard", "volatile", "error", "all"]),
    (["explain", "--policy", ""], ["padded", "discard", "volatile", "error"]),
    (["audit", "--format", ""], list(REPORTS)),
    (["audit", "--fail-on", ""], ["error", "warning", "note"]),
    (["audit", "--qemu", ""], ["auto", "direct", "staged-at-count", "staged-at-data"]),
    (["audit", "--board", ""], list(boards())),
    (["audit", "--input-format", "s"], ["simple"]),
    (["events", "--format", "c"], ["csv"]),
    (["export", "--format", "v"], ["vcd"]),
    (["record", "--backend", ""], ["log", "simple"]),
    (["rules", ""], list(RULES)),
    (["findings", "--rule", "ext"], [name for name in RULES if name.startswith("EXT")]),
    (["audit-firmware", ""], ["aavmf", "ovmf"]),
]


@pytest.mark.parametrize(("words", "values"), VALUES, ids=[" ".join(words) for words, _ in VALUES])
def test_values_are_completed(words: list[str], values: list[str], completed: Completed) -> None:
    assert completed(*words) == values


def test_commands_and_options_are_completed(completed: Completed) -> None:
    assert completed("audit") == ["audit-firmware", "audit"]
    assert completed("audit", str(PADDING), "--allow") == ["--allow-inconclusive"]


@pytest.mark.parametrize(
    "words",
    [
        ["audit", ""],
        ["explain", ""],
        ["audit", "-o", ""],
        ["audit", "--image", ""],
        ["replay", "--write-image", ""],
        ["replay", "--storage", ""],
        ["verify", "--after", ""],
        ["verify", "--qemu-binary", ""],
        ["export", "-o", ""],
    ],
    ids=" ".join,
)
def test_names_of_files_are_left_to_the_shell(words: list[str], completed: Completed) -> None:
    assert completed.kinds(*words) == ["file"]


def test_names_of_directories_are_left_to_the_shell(completed: Completed) -> None:
    assert completed.kinds("record", "-o", "") == ["dir"]


@pytest.mark.parametrize("words", ["audit ", "audit --policy ", "audit --board ", "rules ", "audit-firmware ", "aud"])
@pytest.mark.first_quick
def test_completion_loads_neither_polars_nor_numpy(words: str, tmp_path: Path) -> None:
    """Also where the traces are directories, which a command would look into."""
    code = (
        "import sys; from tracetool.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted({'polars', 'numpy', 'rich'} & set(sys.modules)), file=sys.stderr)\n"
    )
    line = f"tracetool {words.replace('audit ', f'audit {tmp_path} ')}"
    number = str(len(line.split(" ")) - 1)
    asked = environment(**{VARIABLE: "zsh_complete"}, COMP_WORDS=line, COMP_CWORD=number)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True, check=True)
    assert (done.stderr.strip(), bool(done.stdout.strip())) == ("", True)


# --- scripts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_that_of_the_shell(shell: str, quick: Quick) -> None:
    named = quick("--show-completion", shell)
    assert (named.code, named.err) == (0, "")
    assert f"{VARIABLE}={shell}_complete" in named.text


def ended_in(shell: str, *arguments: str, home: Path) -> Ended:
    return tracetool(*arguments, SHELL=f"/bin/{shell}", HOME=str(home))


def test_the_shell_is_that_of_the_user(tmp_path: Path) -> None:
    assert f"{VARIABLE}=fish_complete" in ended_in("fish", "--show-completion", home=tmp_path).text
    ended = ended_in("dash", "--show-completion", home=tmp_path)
    assert (ended.code, ended.err) == (2, "tracetool: --show-completion 'dash': give one of bash, zsh, fish\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_installed_once(shell: str, tmp_path: Path) -> None:
    settings = tmp_path / f".{shell}rc"
    settings.write_text("alias x=y")
    before = set(tmp_path.rglob("*"))
    for _ in range(2):
        assert ended_in(shell, "--install-completion", home=tmp_path).code == 0
    (script,) = [path for path in set(tmp_path.rglob("*")) - before if path.is_file()]
    assert f"{VARIABLE}={shell}_complete" in script.read_text()
    kept, *added = settings.read_text().splitlines()
    assert (kept, len(added)) == ("alias x=y", 0 if shell == "fish" else 1)


@pytest.mark.slow
def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    program = tmp_path / "tracetool"
    program.write_text(f"#!{sys.executable}\nfrom tracetool.cli import main\nmain()\n")
    program.chmod(0o755)
    ended_in("bash", "--install-completion", home=tmp_path)
    asking = (
        "source ~/.bashrc; COMP_WORDS=(tracetool audit --policy v) COMP_CWORD=3; "
        '_tracetool_completion tracetool; echo "${COMPREPLY[@]}"'
    )
    settings = environment(HOME=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    done = subprocess.run(["bash", "--norc", "-c", asking], env=settings, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("volatile\n", "")
