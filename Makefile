PYTHON ?= python3
export PYTHON

BIN := .venv/bin
PACKAGES := pyproject.toml client/pyproject.toml .ci/setup
SOURCES := server/creditgate_server client/creditgate tests docs/examples $(wildcard bench)

.DEFAULT_GOAL := help
.PHONY: help run test check bench test-faults gen lock image setup clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run  ## start everything here: PostgreSQL, a demo account, the server (DEMO_DATA=1: with a year of history)
	@exec $(BIN)/creditgate-server dev $(if $(DEMO_DATA),--demo-data) $(if $(DEMO_TRAFFIC),--demo-traffic)

# Much of the time of a test is waiting. More workers than two would crowd the servers that tests start on a small machine.
# Tests of one file share its servers and databases.
test: .venv/.dev  ## run the tests, but for the long ones
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: .venv/.dev .venv-gen/.gen  ## formatting, lint, types, layers, protos, stubs, Dockerfile
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	.ci/breaking
	.ci/gen --check
	$(BIN)/hadolint Dockerfile

bench: .venv/.dev  ## measure: the figures of the README and bench/
	@$(BIN)/python -m bench

test-faults: .venv/.dev  ## run the tests that break servers, disks and networks on purpose
	@$(BIN)/python -m pytest -m faults

gen: .venv-gen/.gen  ## write the client's stubs from protos/
	@.ci/gen

lock: .venv/.dev  ## resolve the dependencies anew (UPGRADE=1: to the newest)
	@.ci/lock $(if $(UPGRADE),--upgrade)

image:  ## build the container image
	@.ci/image

setup: .venv/.dev  ## make .venv, for tests and checks too

clean:  ## remove what the other targets made, and the local data in .creditgate
	rm -rf .venv .venv-gen .creditgate build dist client/dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/.run: requirements/run.txt $(PACKAGES)
	@.ci/setup run

.venv/.dev: requirements/dev.txt $(PACKAGES)
	@.ci/setup dev

.venv-gen/.gen: requirements/gen.txt .ci/setup
	@.ci/setup gen
