# Needs Python 3.11 and make; everything else is set up in .venv, once.
PYTHON ?= python3.11
STUDY  ?= studies/digits
OPTIONS ?=
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo deploy worker test lint bench clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about two minutes, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@$(BIN)/satisfice --version
	@touch $@

demo: $(READY)
	@$(BIN)/satisfice run $(STUDY) $(OPTIONS)

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

deploy: $(READY)
	@$(BIN)/satisfice deploy $(STUDY) $(OPTIONS)

worker: $(READY)
	@$(BIN)/satisfice worker

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/endurance.py
	$(BIN)/python benchmarks/decision_cost.py
	$(BIN)/python benchmarks/predictions.py
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.rules
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.stopping
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.pruning
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.proposals

clean:
	rm -rf $(VENV) .satisfice
