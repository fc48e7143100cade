# make demo      audit the recorded sample; needs only Python
# make test      the quick tests: two minutes of a processor
# make slow      the other tests that need no QEMU
# make coverage  both, then those of the kernels on plain Python, with the coverage gate, as in CI
# make check     lint, types and import contracts
# make plain     the tests of the kernels, which run as plain Python
# make prove     the tests against live QEMUs, and the slow ones
# make mutants   break the model in one place after the other; the live QEMUs must show each
# make fuzz      random programs with new seeds, MINUTES=5
# make bench     speed of the parts, and compared with other programs
# make docs      the documents as a site, in build/site/
# make dist      sdist and wheel, in dist/
# make clean     remove everything that these made

# Empty: the first Python from 3.11 on that .ci/find-python finds.
PYTHON :=
# Test processes: one more than processors, since tests of the app wait now and then; few of the quick ones do.
PROCESSORS := $(shell nproc)
WORKERS := $(shell echo $$(($(PROCESSORS) + 1)))
# Duration of `make fuzz`.
MINUTES := 5
# What `make prove` runs; CI leaves out `slow`, since `make coverage` has run it.
PROVED := live or slow
# Least branch coverage, in percent.
COVERAGE := 90
# Tests of the packages that have kernels, and of the answers about all captures.
KERNEL_TESTS := tests/replay $(addprefix tests/tracetool/,audit babeltrace ingest)

# Python may always write .pyc files: otherwise each of some hundred processes compiles every module.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: bench help moved environment demo test slow coverage plain prove fuzz mutants dist docs check lint types contracts clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^# make /s/^# //p' Makefile

# Scripts of an environment contain its path: when the project has moved, make a new environment.
MOVED := $(shell [ ! -s $(VENV)/.created ] || [ "$$(cat $(VENV)/.created)" = "$$(pwd)" ] || echo moved)

# Sources of the kernels: the program is installed again when one of them is newer.
TYPED := $(shell find replay tracetool -name '*.pxd' -o -name '*.pyx')
KERNELS := $(TYPED) $(wildcard $(TYPED:.pxd=.py))

# Each stamp stands for an installed set. Names are relative, since make cannot handle a space in the project's path.
$(VENV)/.created: .ci/find-python $(MOVED)
	@python=$$(.ci/find-python "$(PYTHON)") && "$$python" -m venv $(if $(MOVED),--clear) $(VENV)
	@$(INSTALL) --upgrade pip
	@pwd > $@

$(VENV)/.build: $(VENV)/.created pyproject.toml constraints.txt
	@$(INSTALL) --group build
	@touch $@

# No isolation: only changed kernels are compiled.
$(VENV)/.run: $(VENV)/.build $(KERNELS) hatch_build.py
	@echo "installing the program and its dependencies into $(VENV)"
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the tools for lint, tests and docs into $(VENV)"
	@$(INSTALL) --group dev
	@touch $@

environment: $(VENV)/.dev

# A crash of Python ends with 1, too, so look for the verdict.
demo: $(VENV)/.run
	@code=0; said=$$($(BIN)/tracetool demo) || code=$$?; printf '%s\n' "$$said"; \
	case "$$code $$said" in \
	  "1 "*outside-extent*) echo; \
	    echo "exit code 1: the sample was recorded with a write outside the extent, and the audit found it" ;; \
	  *) echo "exit code $$code: the demo should end with 1 and the verdict outside-extent" >&2; exit 1 ;; \
	esac
	@case "$$($(BIN)/tracetool --version)" in \
	  *"(plain Python)"*) echo "the kernels run as plain Python, which is slow on long traces: compiling them takes a C" \
	    "compiler and Python's headers (.ci/need names the packages)" ;; \
	esac

test: $(VENV)/.dev
	@.ci/need $(BIN)/python babeltrace firmware
	@$(BIN)/python -m pytest -n $(PROCESSORS) -m "not live and not slow" $(COVER)

# The rest of the tests that need no QEMU.
slow: $(VENV)/.dev
	@.ci/need $(BIN)/python babeltrace firmware screens
	@$(BIN)/python -m pytest -n $(WORKERS) -m "slow and not live" $(COVER)

# Coverage sees no compiled line, so what tests the kernels runs on plain Python too.
coverage:
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory test COVER='--cov --cov-report='
	@$(MAKE) --no-print-directory slow COVER='--cov --cov-append --cov-report='
	@$(MAKE) --no-print-directory plain COVER='--cov --cov-append --cov-fail-under=$(COVERAGE)'

plain: $(VENV)/.dev
	@PFLASH_TRACETOOL_KERNELS=plain HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -n $(WORKERS) \
	  -m "not live and not slow" $(KERNEL_TESTS) $(COVER)

prove: $(VENV)/.dev
	@.ci/need $(BIN)/python qemu babeltrace firmware screens
	@$(BIN)/python -m pytest -n $(WORKERS) -m "$(PROVED)"

fuzz: $(VENV)/.dev
	@.ci/need $(BIN)/python qemu firmware
	@$(BIN)/python -m tests.live.fuzz --minutes $(MINUTES)

mutants: $(VENV)/.dev
	@.ci/need $(BIN)/python qemu firmware
	@$(BIN)/python -m tests.live.mutants

bench: $(VENV)/.dev
	@$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,max,rounds
	@$(BIN)/python -m benchmarks.compare

# The wheel serves every Python from 3.11 on, on this kind of system.
dist: $(VENV)/.dev
	@rm -rf dist
	@PFLASH_TRACETOOL_KERNELS=required $(BIN)/python -m build --no-isolation --outdir dist .
	@$(BIN)/python -m twine check --strict dist/*

# A link that leads nowhere is an error.
docs: $(VENV)/.dev
	@$(BIN)/python -m mkdocs --quiet build

check: lint types contracts

lint: $(VENV)/.dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/python -m mypy

contracts: $(VENV)/.dev
	@$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .venv-* build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find replay tracetool -name '*.so' -exec rm {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
