"""Sdist and wheel hold what the program needs; the wheel installs and runs on its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from replay.kernel_form import VARIABLE
from tests.captures import ROOT

pytestmark = pytest.mark.slow  # the kernels are compiled for the wheel


def run(*command: str | Path, cwd: Path, **changes: str) -> str:
    """Run a program that cannot import the checkout, and return its output; keywords are environment variables."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(command, cwd=cwd, env=environment | changes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with sdist and wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--sdist", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New environment in which only the wheel is installed.

    Its dependencies are the running environment's, by a .pth file: nothing is downloaded. The checkout stays out,
    because .pth files of a folder that another .pth file names are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(paths)), encoding="utf-8")
    return folder


def files_under(folder: str) -> set[str]:
    """Files of a folder of the checkout, by their path in the checkout."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in found}


def test_the_wheel_holds_the_packages_and_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"tracetool/py.typed", "replay/py.typed", "tracetool/events.json", "replay/boards.json"} <= names
    checkout = files_under("tracetool") | files_under("replay")
    compiled = {name for name in checkout if name.endswith(".so")}
    assert checkout - compiled <= names
    is_plain = os.environ.get(VARIABLE) == "plain"
    assert {name for name in names if name.endswith(".so")} == (set() if is_plain else compiled)
    assert {f"tracetool/{name}" for name in files_under("samples")} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]


def test_the_sdist_builds_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    run("tar", "-xf", sdist, cwd=tmp_path)
    (source,) = tmp_path.iterdir()
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path)
    run(*build, cwd=source, **{VARIABLE: "plain"})
    (rebuilt,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith(".so")}
    assert set(zipfile.ZipFile(rebuilt).namelist()) == names


def test_package_indexes_accept_the_metadata(built: Path) -> None:
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built, COLUMNS="1000")
    assert said.count("PASSED") == len(list(built.iterdir())), said


def test_the_version_is_the_newest_release_of_the_changelog(built: Path, installed: Path) -> None:
    released = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert version("pflash-tracetool") == released[0], "the environment is older: make environment"
    assert f"tracetool {released[0]} (" in run(installed / "bin" / "tracetool", "--version", cwd=installed)
    assert all(f"-{released[0]}" in file.name for file in built.iterdir())


def test_the_installed_package_is_its_own(installed: Path) -> None:
    code = (
        "import replay, tracetool; from tracetool.bundled import sample; from tracetool.images import load_image\n"
        "image = sample('aavmf-shell-padding/flash1-after.fd.zst')\n"
        "print(replay.__file__, tracetool.__file__, image, sep='\\n')\n"
        "assert load_image(image, limit=64 << 20)[0x100000:0x100004].tobytes() == bytes.fromhex('40004000')\n"
    )
    paths = run(installed / "bin" / "python", "-c", code, cwd=installed).splitlines()
    assert [path for path in paths if not Path(path).is_relative_to(installed)] == []


def test_the_installed_program_runs(installed: Path) -> None:
    assert "audit" in run(installed / "bin" / "tracetool", "--help", cwd=installed)


def test_the_examples_run_anywhere_with_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    script = (ROOT / "examples" / "first_boot.py").read_text()
    said = run(installed / "bin" / "python", "-c", script, cwd=tmp_path)
    assert "virt.flash1: within-extent, smallest safe backing 786432 B" in said
    assert "vega" in (tmp_path / "erases.html").read_text()
