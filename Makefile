# `make help` lists the targets. Each one first sets up what it needs on a machine that has git, make and
# python3: the first call takes minutes, a later one nothing; a changed lock file is installed by itself.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

RUN_PACKAGES := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation fonts-dejavu-core
TEST_PACKAGES := poppler-utils openssl systemd
# large, and for the tests alone
BROWSER_PACKAGES := chromium

BIN := .venv/bin
SANDBOX := .venv/sandbox
INSTALLED := .venv/.development-installed
SANDBOX_INSTALLED := $(SANDBOX)/.installed
# of the web pages; not in git, but in the wheel
FRONTEND := .venv/frontend
STYLES := shared/web/static/nhsuk-frontend.min.css
AUDIT := .venv/audit
AUDIT_INSTALLED := $(AUDIT)/.installed
PIP_INSTALL := -m pip install --quiet --quiet --disable-pip-version-check
LOCKED := $(PIP_INSTALL) --require-hashes --only-binary :all: -r
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
UV_VERSION := 0.13.9

# for the tests of the alert rules
PROMTOOL := $(BIN)/promtool

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

.PHONY: test
test: $(INSTALLED) $(SANDBOX_INSTALLED) $(STYLES) | system browser $(PROMTOOL) ## run the tests; ARGS="-k name" goes to pytest
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: $(INSTALLED) | system ## check style, types and the import rules
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: coverage
coverage: $(INSTALLED) $(SANDBOX_INSTALLED) $(STYLES) | system browser $(PROMTOOL) ## run all tests and measure what they cover; at least 90 % by branch
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --quiet --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: demo
demo: $(INSTALLED) $(SANDBOX_INSTALLED) | system ## play an evening surgery between two practices; BREAK=1 loses the responses, PAYLOAD=document sends documents
	@$(BIN)/python -m deploy.demo.demo $(if $(BREAK),--break) $(if $(PAYLOAD),--payload $(PAYLOAD))

.PHONY: demo-web
demo-web: $(INSTALLED) $(SANDBOX_INSTALLED) $(STYLES) | system ## play the evening and leave the web pages of both practices running, until Ctrl-C
	@$(BIN)/python -m deploy.demo.web $(ARGS)

.PHONY: pictures
pictures: $(INSTALLED) $(STYLES) | system browser ## take the pictures of the web pages in docs/pictures again
	@mkdir -p docs/pictures
	@PICTURES=docs/pictures $(BIN)/pytest --quiet tests/browser

.PHONY: styles
styles: $(STYLES) ## make the stylesheet of the web pages, which a wheel carries

.PHONY: conformance
conformance: $(INSTALLED) $(SANDBOX_INSTALLED) $(STYLES) | system browser $(PROMTOOL) ## prove each requirement by its tests and write docs/conformance*.md
	@WORKERS=$(WORKERS) $(BIN)/python -m deploy.docs.conformance

.PHONY: chaos
chaos: $(INSTALLED) | system ## kill the daemons at every step boundary, on both databases; ARGS="--seed 7 --small"
	@$(BIN)/python -m tests.chaos.experiment $(ARGS)

.PHONY: soak
soak: $(INSTALLED) | system ## play a simulated week of two busy practices in minutes; ARGS="--small --database postgresql"
	@$(BIN)/python -m tests.soak $(ARGS)

.PHONY: fuzz
fuzz: $(INSTALLED) | system ## mutate messages, answers of MESH and outbox rows; CASES=100000 SEED=20261122
	@$(BIN)/python -W error -m tests.fuzz --timed --cases $(or $(CASES),100000) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: evidence
evidence: $(INSTALLED) $(SANDBOX_INSTALLED) | system ## play the demo, run tests/conformance, and gather both into dist/evidence; ARGS="--junit FILE --played DIR"
	@$(BIN)/python -m deploy.evidence.evidence $(ARGS)

.PHONY: bench
bench: $(INSTALLED) $(SANDBOX_INSTALLED) | system ## measure speed and memory and write docs/performance.md; ARGS="--only sending", "--short"
	@$(BIN)/python -W ignore -m benchmarks $(ARGS)

.PHONY: docs
docs: $(INSTALLED) | system ## write docs/logs.md, docs/codes.md and docs/cli.md from the code
	@$(BIN)/python -m deploy.docs.logs
	@$(BIN)/python -m deploy.docs.codes
	@$(BIN)/python -m deploy.docs.cli

.PHONY: wheel
wheel: $(INSTALLED) $(STYLES) ## build dist/*.whl, byte for byte the same each time, and dist/requirements.txt
	@rm -rf build dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --wheel-dir dist .
	@cp deploy/lock/runtime.txt dist/requirements.txt
	@rm -rf build
	@ls -1 dist/*

.PHONY: lock
lock: .venv/lock/bin/uv ## choose and pin the newest versions that pyproject.toml allows
	.venv/lock/bin/$(LOCK) --upgrade pyproject.toml -o deploy/lock/runtime.txt
	.venv/lock/bin/$(LOCK) --upgrade pyproject.toml --group dev -o deploy/lock/development.txt
	.venv/lock/bin/$(LOCK) --upgrade deploy/lock/sandbox.in -o deploy/lock/sandbox.txt
	.venv/lock/bin/$(LOCK) --upgrade deploy/lock/audit.in -o deploy/lock/audit.txt
	.venv/lock/bin/$(LOCK) --upgrade deploy/lock/build.in -o deploy/lock/build.txt
	.venv/lock/bin/$(LOCK) --upgrade --no-deps deploy/lock/frontend.in -o deploy/lock/frontend.txt

.PHONY: audit
audit: $(INSTALLED) $(AUDIT_INSTALLED) ## ask about known weaknesses of every locked package; fails unless all were answered
	@$(BIN)/python -m deploy.lock.audit $(AUDIT)/bin/pip-audit

.PHONY: sbom
sbom: $(AUDIT_INSTALLED) ## write dist/sbom.cdx.json, what the runtime consists of, as CycloneDX
	@mkdir -p dist
	@PYTHONWARNINGS=ignore $(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		-o dist/sbom.cdx.json deploy/lock/runtime.txt
	@ls -1 dist/sbom.cdx.json

.PHONY: clean
clean: ## remove everything that the other targets made
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .hypothesis
	rm -f $(STYLES)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# not a file: looked at in every call, at once when nothing is missing
.PHONY: system
system:
	@sh deploy/bootstrap/system-packages $(PYTHON) $(RUN_PACKAGES) $(TEST_PACKAGES)

.PHONY: browser
browser: | system
	@sh deploy/bootstrap/system-packages $(PYTHON) $(BROWSER_PACKAGES)

$(BIN)/python: | system
	@echo "setting up .venv: a few minutes"
	@$(PYTHON) -m venv .venv

$(PROMTOOL): | $(BIN)/python
	@sh deploy/bootstrap/promtool $@

$(INSTALLED): deploy/lock/development.txt pyproject.toml | $(BIN)/python
	@$(BIN)/python $(LOCKED) deploy/lock/development.txt
	@PYTHONWARNINGS=ignore $(BIN)/python $(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(STYLES): deploy/lock/frontend.txt deploy/web/styles.py | $(BIN)/python
	@rm -rf $(FRONTEND)
	@$(BIN)/python $(LOCKED) deploy/lock/frontend.txt --no-deps --no-compile --target $(FRONTEND)
	@$(BIN)/python -m deploy.web.styles $(FRONTEND) $@

$(SANDBOX)/bin/python: | $(BIN)/python
	@$(PYTHON) -m venv $(SANDBOX)

$(SANDBOX_INSTALLED): deploy/lock/sandbox.txt | $(SANDBOX)/bin/python
	@$(SANDBOX)/bin/python $(LOCKED) deploy/lock/sandbox.txt
	@touch $@

$(AUDIT)/bin/python: | $(BIN)/python
	@$(PYTHON) -m venv $(AUDIT)

$(AUDIT_INSTALLED): deploy/lock/audit.txt | $(AUDIT)/bin/python
	@$(AUDIT)/bin/python $(LOCKED) deploy/lock/audit.txt
	@touch $@

.venv/lock/bin/uv: | $(BIN)/python
	@$(PYTHON) -m venv .venv/lock
	@.venv/lock/bin/python $(PIP_INSTALL) uv==$(UV_VERSION)
