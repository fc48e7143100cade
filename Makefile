# make demo: audit the recorded sample; needs Python alone.   make test: the tests that need no QEMU.
# make check: lint, types and contracts.                      make clean: remove what these made.
# make prove: those against live QEMUs, and the long captures. make fuzz MINUTES=5: the same with ever new programs.
# make bench: how fast the parts are, beside other programs.  make coverage: the tests with the coverage gate, as in CI.
# make dist: the sdist and the wheel, compiled, in dist/.      make docs: the documents as a site, in build/site/.
# make mutants: break the model in one place after the other; the live QEMUs must show it each time.

# Empty: the first Python from 3.11 on that .ci/find-python finds.
PYTHON :=
# Tests run in this many processes: one more than there are processors, since those of the app wait now and then.
WORKERS := $(shell echo $$(($$(nproc) + 1)))
# How long `make fuzz` goes on.
MINUTES := 5
# Least branch coverage, in percent. Measuring it takes a third more time, so `make test` does it where CI is set.
COVERAGE := 90
COVER = --cov --cov-fail-under=$(COVERAGE)

# What Python compiled is kept, whatever the environment says: else each of some hundred processes compiles anew.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: bench help moved environment demo test coverage prove fuzz mutants dist docs check lint types contracts clean
.DELETE_ON_ERROR:

help:
	@sed -n '1,6s/^# //p' Makefile

# Scripts in an environment name its folder: when the project has moved, the environment is made anew.
MOVED := $(shell [ ! -s $(VENV)/.created ] || [ "$$(cat $(VENV)/.created)" = "$$(pwd)" ] || echo moved)

# What is compiled when the program is installed; it is compiled anew where one of these is newer.
TYPED := $(shell find replay tracetool -name '*.pxd' -o -name '*.pyx')
KERNELS := $(TYPED) $(wildcard $(TYPED:.pxd=.py))

# Each stamp stands for an installed set; relative names keep a space in the project's path out of make's sight.
$(VENV)/.created: .ci/find-python $(MOVED)
	@python=$$(.ci/find-python "$(PYTHON)") && "$$python" -m venv $(if $(MOVED),--clear) $(VENV)
	@$(INSTALL) --upgrade pip
	@pwd > $@

$(VENV)/.build: $(VENV)/.created pyproject.toml constraints.txt
	@$(INSTALL) --group build
	@touch $@

# Without isolation only what changed is compiled again.
$(VENV)/.run: $(VENV)/.build $(KERNELS) hatch_build.py
	@echo "installing the program and what it needs into $(VENV)"
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what lint and tests need into $(VENV)"
	@$(INSTALL) --group dev
	@touch $@

environment: $(VENV)/.dev

# A crash of Python ends with 1 as well, so the verdict is looked for too.
demo: $(VENV)/.run
	@code=0; said=$$($(BIN)/tracetool demo) || code=$$?; printf '%s\n' "$$said"; \
	case "$$code $$said" in \
	  "1 "*outside-extent*) echo; \
	    echo "exit code 1: the sample was recorded with a write outside the extent, and the audit found it" ;; \
	  *) echo "exit code $$code: the demo should end with 1 and the verdict outside-extent" >&2; exit 1 ;; \
	esac
	@case "$$($(BIN)/tracetool --version)" in \
	  *"(plain Python)"*) echo "the kernels run as plain Python, which is slow on long traces: none were compiled when" \
	    "this was installed, which takes a C compiler and Python's headers (.ci/need-compiler names the packages)" ;; \
	esac

test: $(VENV)/.dev
	@.ci/need-babeltrace $(BIN)/python
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not live and not slow" $(if $(filter true,$(CI)),$(COVER))

coverage: $(VENV)/.dev
	@.ci/need-babeltrace $(BIN)/python
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not live and not slow" $(COVER)

prove: $(VENV)/.dev
	@.ci/need-qemu
	@.ci/need-babeltrace $(BIN)/python
	@.ci/need-tmux
	@$(BIN)/python -m pytest -n $(WORKERS) -m "live or slow"

fuzz: $(VENV)/.dev
	@.ci/need-qemu
	@$(BIN)/python -m tests.live.fuzz --minutes $(MINUTES)

mutants: $(VENV)/.dev
	@.ci/need-qemu
	@$(BIN)/python -m tests.live.mutants

bench: $(VENV)/.dev
	@$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,max,rounds
	@$(BIN)/python -m benchmarks.compare

# The wheel serves every Python from 3.11 on of this kind of system.
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
