"""CI and hooks run what a developer runs."""

from __future__ import annotations

import re

from tests.captures import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_hosted_ci_runs_every_python_that_the_environment_is_made_with() -> None:
    (tested,) = re.findall(r"^ +python: \[(.*)\]$", WORKFLOW, re.MULTILINE)
    candidates = re.findall(r"python(3\.\d+)", (ROOT / ".ci" / "find-python").read_text())
    assert re.findall(r'"(3\.\d+)"', tested) == candidates[::-1]
    assert "- run: .ci/run\n" in WORKFLOW


def test_the_hooks_are_make_check() -> None:
    (targets,) = re.findall(r"^check: (.*)$", MAKEFILE, re.MULTILINE)
    assert re.findall(r"entry: make --no-print-directory (\w+)$", HOOKS, re.MULTILINE) == targets.split()


def test_help_lists_every_target_of_the_makefile() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    listed = re.findall(r"^# make (\w+)  ", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) - set(listed) == {"help", "moved", "environment", "lint", "types", "contracts"}
    assert set(listed) <= set(phony.split())
