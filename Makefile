# The entry points of this project. `make help` lists them; CI runs .ci/run.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-real test bench check venv clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s%s\n", $$1, $$2}' Makefile

demo: $(STAMP) ## show the whole supply chain on the embedded DTR, in a few seconds
	@$(BIN)/signer demo

demo-real: $(STAMP) ## show the main job on the real notary-server and docker-registry
	@.ci/components notary docker-registry
	@$(BIN)/python -m tests.e2e.demo

test: $(STAMP) ## install missing components and run every test
	@.ci/components
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: $(STAMP) ## print the speed table, side by side with notary and docker trust
	@.ci/components notary docker-registry docker.io
	@$(BIN)/python -m tests.bench

check: $(STAMP) ## formatting, lint, types, layers, light start-up
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/unit/test_layers.py tests/unit/test_import_guard.py

venv: $(STAMP) ## make .venv with the project and what development needs

# A stamp inside the directory, so that removing .venv is enough to begin anew.
$(STAMP): pyproject.toml tests/constraints.txt
	@PYTHON="$(PYTHON)" .ci/venv $(VENV)
	@touch $@

clean: ## remove .venv and everything that tools left
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis ./*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
