# The project's commands. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# Tests of a file share its services; tests/conftest.py orders the files, and tests/scheduling.py shares out whole flows.
WORKERS ?= 4
PARALLEL = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
# Tests start hundreds of processes that import the package: its bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup test bench lint workflows format types imports constraints pages docs demo package audit clean
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all]" --group pinned
	touch $@

setup: $(STAMP)  ## Make the environment in .venv

# The stand-in for Snowflake needs an older connector and an older sqlglot than we do, and so an environment of its own.
$(VENV)-snowflake/.stamp: tests/services/requirements-snowflake.txt
	$(PYTHON) -m venv $(VENV)-snowflake
	$(VENV)-snowflake/bin/pip install --quiet --requirement tests/services/requirements-snowflake.txt
	touch $@

# The connector's next version, in a folder beside the environment: its own classes run over a stub.
$(VENV)-snowflake5/.stamp: tests/services/requirements-snowflake5.txt $(STAMP)
	rm -rf $(VENV)-snowflake5
	$(BIN)/pip install --quiet --no-deps --target $(VENV)-snowflake5 --requirement tests/services/requirements-snowflake5.txt
	touch $@

# MariaDB and ODBC drivers, from Debian's packages, in a folder beside the environment.
$(VENV)-debian/.stamp: tests/services/debian.py $(STAMP)
	rm -rf $(VENV)-debian
	$(BIN)/python -m tests.services.debian $(VENV)-debian

# dbt needs older versions of packages that the tests use, and so an environment of its own.
$(VENV)-dbt/.stamp: tests/services/requirements-dbt.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)-dbt
	$(VENV)-dbt/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-dbt/bin/pip install --quiet --requirement tests/services/requirements-dbt.txt --editable .
	touch $@

test: $(STAMP) $(VENV)-dbt/.stamp $(VENV)-snowflake/.stamp $(VENV)-snowflake5/.stamp $(VENV)-debian/.stamp  ## Set up the environments that the tests need, and run the tests
	$(BIN)/python -m pytest $(PARALLEL)

bench: $(STAMP)  ## Measure the project's figures, as ratios within one run
	$(BIN)/python -m benchmarks.capture
	$(BIN)/python -m benchmarks.assembler
	$(BIN)/python -m benchmarks.sql
	$(BIN)/python -m benchmarks.graph

lint: $(STAMP)  ## Check style, likely mistakes and the English of docstrings, comments, names and docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.english

ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
workflows:  ## Check the workflows, where Go is installed
	@if command -v go > /dev/null; then go run $(ACTIONLINT); else echo "not checked: actionlint needs Go"; fi

format: $(STAMP)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)  ## Check strict types, for the oldest and the newest Python
	$(BIN)/mypy --python-version 3.10
	$(BIN)/mypy --python-version 3.13

imports: $(STAMP)  ## Check the import contract of the rooms
	$(BIN)/lint-imports

pages: $(STAMP)  ## Write the files that are generated from the code: docs, automations, deployments
	for script in settings_page sql_page drivers_page support_page architecture_page cli_page events_page limits_page deployment_files; do PYTHONPATH=. $(BIN)/python docs/make_$$script.py; done

$(VENV)-docs/.stamp: pyproject.toml docs/constraints.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-docs/bin/pip install --quiet --constraint docs/constraints.txt --group docs
	touch $@

docs: $(VENV)-docs/.stamp  ## Build the site of the docs into site/; a warning fails it
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --strict

tutorial: $(STAMP)  ## Run the tutorial, and write the outputs and pictures of its page (docs/make_tutorial.py; needs chromium)
	PYTHONPATH=. $(BIN)/python docs/make_tutorial.py

demo: $(STAMP)  ## Run two flows on real data, on a Prefect server of its own (MARQUEZ_URL=... to send there too)
	$(BIN)/python -m demo.run

# What checks a release, in an environment of its own.
$(VENV)-release/.stamp: tests/services/requirements-release.txt
	$(PYTHON) -m venv $(VENV)-release
	$(VENV)-release/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-release/bin/pip install --quiet --requirement tests/services/requirements-release.txt
	touch $@

package: $(STAMP) $(VENV)-release/.stamp  ## Build wheel and sdist, check them, and use the wheel in an empty environment
	rm -rf dist $(VENV)-package
	$(BIN)/python -m build --outdir dist .
	$(VENV)-release/bin/twine check --strict dist/*
	$(VENV)-release/bin/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv $(VENV)-package
	$(VENV)-package/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-package/bin/pip install --quiet --constraint constraints.txt fastapi "$$(echo dist/*.whl)[blocks]"
	cd dist && ../$(VENV)-package/bin/python -c "import prefect_lineage_events as p; print(p.__version__, p.Dataset.from_uri('s3://bucket/key'))"
	$(VENV)-package/bin/prefect-lineage --help > /dev/null
	$(VENV)-package/bin/python -I tests/package.py dist
	mkdir -p build
	$(VENV)-release/bin/cyclonedx-py environment --output-reproducible --output-file build/sbom.cdx.json $(VENV)-package/bin/python
	$(VENV)-release/bin/pip-licenses --python $(VENV)-package/bin/python --format markdown --order license --output-file build/licences.md
	rm -rf $(VENV)-package

audit: $(VENV)-release/.stamp  ## Compare the pinned versions with published vulnerabilities; fails where it could not
	@$(VENV)-release/bin/python -m tests.audit $(VENV)-release/bin/pip-audit constraints.txt

# The lowest versions that the package allows, but for what an assistant needs: its SDK needs a later pydantic.
LOWEST_EXTRAS := azure blocks children databases files gcp gcs http lake messages s3
$(VENV)-lowest/.stamp: pyproject.toml tests/services/requirements-lowest.txt $(STAMP)
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(VENV)-lowest/bin/python --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links $(addprefix --extra ,$(LOWEST_EXTRAS)) \
		pyproject.toml tests/services/requirements-lowest.txt --output-file $(VENV)-lowest/requirements.txt
	$(VENV)-lowest/bin/pip install --quiet --requirement $(VENV)-lowest/requirements.txt --editable .
	touch $@

# What runs on the ends of the ranges; `make test-latest TESTS=tests` runs all (an hour or more). CHOSEN is an expression of
# `pytest -k`.
TESTS ?= tests/flows tests/stores tests/blocks
CHOSEN ?=
AT_AN_END = $(PARALLEL) $(if $(CHOSEN),-k "$(CHOSEN)") $(TESTS)
# Its newest version is another one than the pinned one, for which the stand-in was made.
OPENED_AT_LATEST = $(if $(CHOSEN),,tests/instrumentation/opened/test_snowflake.py)
END_SECONDS ?= $(if $(filter tests,$(TESTS)),7200,1800)
test-lowest: $(VENV)-lowest/.stamp $(VENV)-snowflake/.stamp  ## Run TESTS, the whole flows, on the lowest versions that are supported (4 min on a quiet machine)
	exec timeout $(END_SECONDS) $(VENV)-lowest/bin/python -m pytest $(AT_AN_END)

test-harm: $(STAMP)  ## Compare small programs with and without lineage, under many kinds of failure (a few minutes)
	timeout 600 $(BIN)/python -m pytest --tb=short tests/harm/matrix.py

FUZZ_SECONDS ?= 60
fuzz: $(STAMP)  ## Run mutated statements through the SQL analyser, for FUZZ_SECONDS
	$(BIN)/python -m tests.fuzz_sql --seconds $(FUZZ_SECONDS)

test-hostile: $(STAMP)  ## Run hostile texts of 16 KB to 1 MB through the SQL analyser (ten minutes or more)
	HOSTILE_SIZES="16384 262144 524288" timeout 3600 $(BIN)/python -m pytest --timeout 120 tests/sql/test_hostile_texts.py

test-secrets: $(STAMP)  ## Plant secrets in 200 statements, and search all outputs for them (part of `make test`)
	$(BIN)/python -m pytest tests/secrets

# The environment of a new user: the newest versions that resolve.
$(VENV)-latest/.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)-latest
	$(VENV)-latest/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-latest/bin/pip install --quiet --upgrade --editable ".[all]" --group dev "snowflake-connector-python>=5"
	touch $@

test-latest: $(VENV)-latest/.stamp $(VENV)-snowflake/.stamp  ## Run TESTS, the whole flows, on the newest versions that resolve (4 min on a quiet machine)
	exec timeout $(END_SECONDS) $(VENV)-latest/bin/python -m pytest $(AT_AN_END) $(OPENED_AT_LATEST)

test-flows: $(STAMP) $(VENV)-snowflake/.stamp  ## Run the whole flows of tests/flows alone (part of `make test`)
	$(BIN)/python -m pytest tests/flows

test-marquez: $(STAMP)  ## Run the end-to-end checks and the fuzz against a real Marquez: MARQUEZ_URL=http://127.0.0.1:5000
	@test -n "$(MARQUEZ_URL)" || { echo "give MARQUEZ_URL=http://host:port of a running Marquez"; exit 2; }
	MARQUEZ_URL=$(MARQUEZ_URL) $(BIN)/python -m pytest -m marquez tests/marquez tests/openlineage

test-untouched: $(STAMP)  ## Run flows under the plugin in every kind of process: pools, children, Dask, workers (3 min)
	timeout 600 $(BIN)/python -m pytest -m "server or processes" tests/processes/test_untouched.py tests/processes/test_processes.py

test-chaos: $(STAMP)  ## Kill servers, flows and assemblers in the middle (6 min on a quiet machine)
	timeout --signal INT --kill-after 30 600 $(BIN)/python -m pytest -m chaos --numprocesses 2 --dist loadfile \
		--durations 0 --durations-min 5 tests/chaos

constraints: $(STAMP)  ## Pin the newest versions, for every supported Python (names and versions only)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 pyproject.toml --all-extras --group pinned \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade --output-file constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --group docs \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade --output-file docs/constraints.txt

clean:
	rm -rf $(VENV) $(VENV)-* .demo .test dist build site
