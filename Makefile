.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help run test chaos lint format lock histories bench day

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/run.stamp: requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what it needs..."
	@$(INSTALL) -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what it and its tests need..."
	@$(INSTALL) -r requirements-dev.lock
	@touch $(VENV)/run.stamp $@

run: $(VENV)/run.stamp  ## Everything on this machine: Temporal server and UI, worker, API, SQLite
	@exec $(BIN)/python -m perennial

test: $(VENV)/dev.stamp  ## All tests, on real parts (ChatJS comes from npm; Node comes with the test dependencies)
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile -m "not chaos"

chaos: $(VENV)/dev.stamp  ## The tests that kill, flood and crowd processes
	@$(BIN)/python -m pytest --numprocesses 4 --dist load -m chaos

lint: $(VENV)/dev.stamp  ## ruff, the arrows between the rooms, strict types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache > $(VENV)/arrows.log || { cat $(VENV)/arrows.log; exit 1; }
	@$(BIN)/pyright

format: $(VENV)/dev.stamp  ## Formats the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

histories: $(VENV)/dev.stamp  ## Records the conversations of tests/replay that have no history yet
	@$(BIN)/python -m tests.replay.record

bench: $(VENV)/dev.stamp  ## Measures a page of a long past against one of a long chat, and assignments from queues
	@$(BIN)/python -m bench.rehydration
	@$(BIN)/python -m bench.board

day: $(VENV)/dev.stamp  ## A day of 50 agents and 1,000 customers in a few minutes, watched and accounted for
	@$(BIN)/python -m bench.day

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

lock: $(VENV)/dev.stamp  ## Pins the dependencies of pyproject.toml anew
	@$(COMPILE) --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra dev --output-file requirements-dev.lock pyproject.toml
