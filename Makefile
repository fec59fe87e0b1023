# Everything from a fresh clone: `make quickstart` trains and evaluates, `make test` checks. Needs make and Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
STAMP := $(shell date +%Y%m%d-%H%M%S)

.PHONY: quickstart test lint clean

quickstart: .venv/core
	$(BIN)/python -m flanjax.quickstart --workdir runs/quickstart-$(STAMP)

test: .venv/test
	$(BIN)/ruff check flanjax configs mixtures tests
	$(BIN)/ruff format --check flanjax configs mixtures tests
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv/core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/test: .venv/core pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
