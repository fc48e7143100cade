"""The program in the tests' own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import Ended
from tracetool.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Quick:
    """Run the program in this process: sooner done, where a process of its own would show nothing more."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", ["tracetool", *map(str, arguments)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, out, err.decode())

    return run
