# Everything a newcomer needs: `make run` to see it work, `make test` to try it. Both set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
WORKERS ?= 2
RERUNS ?= 0
COMPILE = $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help run run-kafka test check format bench bench-kafka schema release-schemas lock clean dev

help: ## Lists what can be made
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "python3 was not found: install Python 3.11 or newer, or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed; name one: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The venv module is missing: on Debian and Ubuntu install python3-venv"; exit 1; }

$(STAMP): requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the program needs into $(VENV) (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	@echo "Installing what the tests and checks need into $(VENV) (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(STAMP) ## The demo: simulated order APIs, the service and a webhook receiver in one process
	@exec $(BIN)/notifier demo

run-kafka: $(STAMP) ## The demo with two replicas on a real Kafka broker (needs Java 17 and Maven)
	@exec $(BIN)/python -m tests.kafka -- $(BIN)/notifier demo --kafka '{servers}'

dev: $(DEV_STAMP) ## Sets up the virtual environment with all tools

test: $(DEV_STAMP) ## Every test that this machine allows
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --reruns $(RERUNS) tests

check: $(DEV_STAMP) ## Lint, format, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/notifier schema config | diff -u config/schema.json -

format: $(DEV_STAMP) ## Formats the code and mends what lint can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(DEV_STAMP) ## Polls a second against a bare fetching loop; memory and start of 200,000 orders
	@$(BIN)/python -m bench

bench-kafka: $(DEV_STAMP) ## The Kafka backend: a transaction's cost, age of events, changes and polls a second, restore (needs Java 17 and Maven)
	@$(BIN)/python -m bench.kafka

release-schemas: $(STAMP) ## At a release: the events' schemas that later changes are held against
	$(BIN)/notifier schema event > tests/data/released-event-schemas.json

schema: $(STAMP) ## Writes config/schema.json anew
	$(BIN)/notifier schema config > config/schema.json

lock: $(DEV_STAMP) ## Locks the newest dependencies that pyproject.toml allows
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
	echo setuptools | $(COMPILE) -c requirements-dev.lock - -o requirements-build.lock
	echo apprise | $(COMPILE) -c requirements.lock -c requirements-dev.lock - -o requirements-apprise.lock
	echo cyclonedx-bom==7.5.0 | $(COMPILE) - -o requirements-sbom.lock

clean: ## Removes the virtual environment and all caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
