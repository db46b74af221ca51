# The project's commands. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false

.PHONY: help setup test lint format types imports constraints demo clean
help:  ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all]" --group dev
	touch $@

setup: $(STAMP)  ## Make the environment in .venv

test: $(STAMP)  ## Set up what is needed and pass the tests
	$(BIN)/python -m pytest

lint: $(STAMP)  ## Style and likely mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)  ## Strict types, for the oldest and the newest Python
	$(BIN)/mypy --python-version 3.10
	$(BIN)/mypy --python-version 3.13

imports: $(STAMP)  ## The rooms of the house keep to their contract
	$(BIN)/lint-imports

constraints: $(STAMP)  ## Pin anew what resolves today, for every supported Python (names and versions only)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 pyproject.toml --all-extras --group dev \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade --output-file constraints.txt

clean:
	rm -rf $(VENV) .venv-snowflake .demo .test dist build
