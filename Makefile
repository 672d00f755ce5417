# Every target sets up what it needs; second runs skip the set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
KEEP   ?=
PART   ?=

# Types take a minute of one core: they are checked beside lint and tests.
MAKEFLAGS += --jobs=2

# Modules are compiled once, not at each start of a process.
unexport PYTHONDONTWRITEBYTECODE

# Environments beside .venv that tests drive by subprocess.
ENVIRONMENTS := $(patsubst tests/envs/%.txt,.envs/%/.ready,$(wildcard tests/envs/*.txt))

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test tests interop bench lint types format

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make the environment in .venv

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(UV) pip install --quiet --python $(BIN)/python --editable '.[dev]'
	@touch $@

.envs/%/.ready: tests/envs/%.txt $(VENV)/.ready
	$(UV) venv --quiet --clear --python $(BIN)/python $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --requirement $<
	@touch $@

demo: $(VENV)/.ready ## run the main job and print what each tenant cost; KEEP=1 leaves it serving
	$(BIN)/python examples/demo.py $(if $(KEEP),--keep)

serve: $(VENV)/.ready ## run the collector with its data in ./var
	$(BIN)/costattr serve --data var

test: types tests ## lint, types, every test, coverage

tests: lint $(ENVIRONMENTS)
	$(BIN)/pytest -n 2 --dist worksteal -m 'not nightly and not interop' --cov --cov-report=
	$(BIN)/coverage report --include 'otel_costattr/*' --fail-under 100
	$(BIN)/coverage report --include 'collector/*' --fail-under 95

interop: $(VENV)/.ready ## the real OpenTelemetry Collector and clickhouse-go against us; needs Go
	sh scripts/build_interop.sh
	$(BIN)/pytest -n 0 -m interop tests/interop

bench: $(VENV)/.ready ## measure; PART=pricing for one part
	PYTHONPATH=tests $(BIN)/python -m bench $(PART)

lint: $(VENV)/.ready ## style, import contracts, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/grafana --check

types: $(VENV)/.ready ## strict types of source and tests
	$(BIN)/mypy

format: $(VENV)/.ready ## format the source
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
