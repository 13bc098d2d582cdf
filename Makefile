.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
PIP := $(BIN)/python -m pip install --disable-pip-version-check --require-hashes

# Runs pytest with so many processes. With AGAIN=1 only the tests that failed, one after the other, up to the first that fails again.
pytest = $(BIN)/python -m pytest $(if $(AGAIN),--last-failed --last-failed-no-failures none -x,--numprocesses $(1) --dist $(or $(2),loadfile))

.PHONY: help install run pages api-page test test-slow test-deployment test-postgres test-browser test-pages fuzz chaos chaos-alone chaos-beside chaos-long lint audit format lock histories bench bench-long day

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# Installs a lock file. A line for every ten packages, because pip itself prints either nothing or several hundred lines.
define install_lock
	@test -x $(BIN)/python || { echo "Creating $(VENV)..."; $(PYTHON) -m venv $(VENV); }
	@total=$$(grep -c '^[a-z].*==' $(1)); echo "Installing $$total packages into $(VENV) (about a minute)..."; \
	$(PIP) -r $(1) | awk -v total=$$total ' \
		/\(from -r / && ++count % 10 == 0 { print "  " count " of " total " packages"; fflush() } \
		/^Installing collected packages/ { print "  unpacking..."; fflush() }'
endef

$(VENV)/run.stamp: requirements.lock
	$(call install_lock,$<)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock
	$(call install_lock,$<)
	@touch $(VENV)/run.stamp $@

install: $(VENV)/run.stamp  ## Set up .venv: Perennial, and boto3 for the examples
	@echo "$(VENV) is ready: \`make run\` starts Perennial, $(BIN)/python runs the examples."

PAGES := pages/dist/.built

pages: $(PAGES)  ## Build the pages for browsers: the customer's widget, the agent's desk, the supervisor's view

$(VENV)/pages.stamp: pages/requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --quiet -r $< && touch $@

$(PAGES): $(VENV)/pages.stamp pages/build.sh pages/package-lock.json $(wildcard pages/*.html pages/*.json pages/*.ts) $(shell find pages/src -type f)
	@echo "Building the pages..."
	@pages/build.sh $(abspath $(BIN)/python)

run: $(VENV)/run.stamp  ## Run everything on this machine: Temporal server and UI, worker, API, SQLite
	@$(MAKE) --no-print-directory --silent pages || echo "The pages are not built, so they are missing. \`make pages\` tries it again; it needs npm's registry."
	@exec $(BIN)/python -m perennial

api-page: $(VENV)/dev.stamp  ## Write docs/api.md from botocore's models and the routes
	@$(BIN)/python -m api.reference > docs/api.md.new && mv docs/api.md.new docs/api.md

test: $(VENV)/dev.stamp  ## Run the tests on real parts (ChatJS comes from npm; Node comes with the test dependencies)
	@$(call pytest,3) -m "not chaos and not browser and not slow" --ignore tests/deployment --ignore tests/pages

test-slow: $(VENV)/dev.stamp  ## Run the tests that start servers of their own, fill a store or play many variants
	@$(call pytest,3) -m "slow and not chaos"

test-deployment: $(VENV)/dev.stamp  ## Run the tests that start and stop whole deployments
	@$(call pytest,3) -m "not chaos" tests/deployment

test-postgres: $(VENV)/dev.stamp  ## Run the tests of conversations on PostgreSQL too (`make test` runs them on SQLite)
	@PERENNIAL_TEST_ENGINE_STORE=postgresql $(call pytest,3) -m "not chaos and not browser" tests/workflows tests/distribution

test-browser: $(VENV)/dev.stamp  ## Run the tests with ChatJS in Chromium (install it before, such as Debian's package chromium)
	@$(call pytest,0) -m browser

test-pages: $(VENV)/dev.stamp $(PAGES)  ## Run the tests of the pages in Chromium (install it before, such as Debian's package chromium)
	@$(call pytest,0) tests/pages

chaos: chaos-alone chaos-beside  ## Run the tests that kill, flood and crowd processes

chaos-alone: $(VENV)/dev.stamp
	@$(call pytest,0) -m "chaos and alone"

chaos-beside: $(VENV)/dev.stamp
	@$(call pytest,3,load) -m "chaos and not alone"

fuzz: $(VENV)/dev.stamp  ## Send 20,000 hostile requests, frames and signals by seed (SEED=7 for another one; `make test-slow` sends a few hundred)
	@$(BIN)/python -m fuzz --seed $(SEED)

chaos-long: $(VENV)/dev.stamp  ## Ten seeds of faults under load, with a checker apart from the product, in about an hour
	@$(BIN)/python -m chaos --seeds 1-10 --seconds 240

lint: $(VENV)/dev.stamp  ## Run ruff with its security rules, the import rules between packages, strict types, and a scan for secrets
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@$(BIN)/python -m scans.secrets & $(BIN)/pyright; types=$$?; wait $$! && exit $$types

audit: $(VENV)/dev.stamp  ## Look for known vulnerabilities of the locked dependencies (it needs the databases of PyPI and npm)
	@$(BIN)/python -m scans.dependencies

format: $(VENV)/dev.stamp  ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

histories: $(VENV)/dev.stamp  ## Record the scenarios of tests/replay that have no history yet
	@$(BIN)/python -m tests.replay.record

bench: $(VENV)/dev.stamp  ## Measure the speed against floors, in about four minutes (docs/performance.md)
	@$(BIN)/python -m bench.speed

bench-long: $(VENV)/dev.stamp  ## The same with more and longer rounds, pages of a long past, assignments from queues, and two processes of each kind
	@$(BIN)/python -m bench.speed --long
	@$(BIN)/python -m bench.rehydration
	@$(BIN)/python -m bench.assignments
	@$(BIN)/python -m bench.pairs

day: $(VENV)/dev.stamp  ## Simulate a day of 50 agents and 1,000 customers in a few minutes, and account for every chat
	@$(BIN)/python -m bench.day

COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
RIVALS := bench/speed/rivals

lock: $(VENV)/dev.stamp  ## Pin the dependencies of pyproject.toml again, and those of the rivals in the benchmark
	@$(COMPILE) --extra examples --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra examples --extra dev --output-file requirements-dev.lock pyproject.toml
	@$(COMPILE) --output-file $(RIVALS)/requirements.lock $(RIVALS)/requirements.in
	@$(COMPILE) --output-file pages/requirements.lock pages/requirements.in
