# Everything a newcomer or a build machine needs; `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow check bench venv hooks lock clean

# PYTHON: a version or a path, where the machine has several. ARGS: more arguments for pytest or the benchmark.
PYTHON ?= >=3.11
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready
RUN := runs/demo
# uv from the machine; where it has none, one of our own that pip fetches into .uv
UV := $(or $(shell command -v uv),.uv/bin/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## a brain learns to forage from scratch, is scored, and can be watched in runs/demo/watch.html (minutes)
	$(BIN)/scrubjay train experiment=demo --run $(RUN) --fresh
	$(BIN)/scrubjay evaluate $(RUN)
	$(BIN)/scrubjay watch $(RUN) -o $(RUN)/watch.html --no-open

test: $(READY) ## the fast tests; e.g. make test ARGS="-k memory -x", one after the other: ARGS="-n 0"
	$(BIN)/pytest -m "not slow" -n auto --maxprocesses 4 --max-worker-restart 0 --dist loadfile \
	    --durations=10 $(ARGS)

slow: $(READY) ## the tests that take minutes
	$(BIN)/pytest -m slow --durations=10 $(ARGS)

check: $(READY) ## format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/basedpyright

bench: $(READY) ## decisions per second of world, brain and training, beside a plain reference
	$(BIN)/scrubjay bench train $(ARGS)

venv: $(READY) ## only prepare .venv

hooks: $(READY) ## check every commit with the tools of .venv
	$(BIN)/pre-commit install

lock: | $(UV) ## renew requirements/*.txt after a change of pyproject.toml; to newer versions: make lock ARGS=--upgrade
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml -o requirements/core.txt
	$(COMPILE) pyproject.toml --extra test --extra dev -c requirements/core.txt -o requirements/dev.txt

clean: ## remove environments, build outputs and caches; runs/ stays
	rm -rf .venv .uv build dist .cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements/dev.txt requirements/build.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --no-python-downloads --python '$(PYTHON)' .venv || { \
	    echo "make: found no Python '$(PYTHON)' on this machine. Install one (Debian, Ubuntu: apt install python3)," \
	        "or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(UV) pip sync --python .venv --require-hashes --build-constraints requirements/build.txt requirements/dev.txt
	$(UV) pip install --python .venv --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

.uv/bin/uv: requirements/uv.txt
	@command -v python3 >/dev/null || { \
	    echo "make: found neither uv nor python3. Install one (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@rm -rf .uv && python3 -m venv .uv || { rm -rf .uv; \
	    echo "make: python3 cannot make environments. Install its venv package (Debian, Ubuntu: apt install" \
	        "python3-venv), or install uv." >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@
