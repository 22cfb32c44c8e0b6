# Needs Python 3.11 and make; everything else is set up in .venv, once. `make help` lists the targets.
PYTHON ?= python3.11
STUDY  ?= studies/digits
OPTIONS ?=
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DOCS   := .venv-docs
PIP    := -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test test-fast lint docs deploy worker bench clean
.DEFAULT_GOAL := demo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'STUDY=folder names another study, OPTIONS="..." passes options to satisfice.'

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about two minutes, once"
	@$(BIN)/python $(PIP) --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/satisfice --version
	@touch $@

demo: $(READY) ## Search studies/digits (the default)
	@$(BIN)/satisfice run $(STUDY) $(OPTIONS)

test: $(READY) ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: $(READY) ## Run the unit and property tests that are not marked slow
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" tests/unit tests/properties

lint: $(READY) ## Check style, types, import contracts and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src domain tasks flows

$(DOCS)/.ready: docs/requirements.txt constraints.txt pyproject.toml
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python $(PIP) --requirement docs/requirements.txt
	@$(DOCS)/bin/python $(PIP) --no-deps --editable .
	@touch $@

docs: $(DOCS)/.ready ## Build the documentation in docs/_build/html
	$(DOCS)/bin/python -P -m sphinx -n -W --keep-going -b html docs docs/_build/html

deploy: $(READY) ## Hand a study to a running Prefect server
	@$(BIN)/satisfice deploy $(STUDY) $(OPTIONS)

worker: $(READY) ## Run what is due on that server
	@$(BIN)/satisfice worker

bench: $(READY) ## Run all benchmarks: hours
	@$(BIN)/python $(PIP) --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/endurance.py
	$(BIN)/python benchmarks/decision_cost.py
	$(BIN)/python benchmarks/predictions.py
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.rules
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.stopping
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.pruning
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.proposals

clean: ## Remove the environments, the built documentation and all searches
	rm -rf $(VENV) $(DOCS) .satisfice build docs/_build
