# Everything from a fresh clone: `make quickstart` trains and evaluates, `make test` checks. Needs make and Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
RUN := runs/quickstart-$(shell date +%Y%m%d-%H%M%S)

.PHONY: quickstart test study clean

quickstart: .venv/core
	$(BIN)/flanjax train --config configs/quickstart.py --workdir $(RUN)/all
	$(BIN)/flanjax heldout --workdir $(RUN)/all
	@echo "Once more, without the cluster that teaches what kinds of things there are:"
	$(BIN)/flanjax train --config configs/quickstart.py --workdir $(RUN)/without_categorise \
		--config.name=without_categorise --config.leave_out=categorise
	$(BIN)/flanjax heldout --workdir $(RUN)/without_categorise
	@$(BIN)/flanjax report $(RUN)/all $(RUN)/without_categorise --output $(RUN)/report.html
	@echo "The model before and after its training, side by side: $(BIN)/flanjax serve $(RUN)/all --untuned"

test: .venv/test
	$(BIN)/ruff check flanjax configs mixtures launch tests
	$(BIN)/ruff format --check flanjax configs mixtures launch tests
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Longer proofs of what the tests show in seconds.
study: .venv/test
	$(BIN)/python -m pytest -s tests/study/study_*.py

.venv/core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[serve]"
	touch $@

.venv/test: .venv/core pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	# Beside the environment, not in it: jax would look for a TPU or a GPU at every start.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/libtpu libtpu==0.0.51
	jaxlib=$$($(BIN)/python -c "import jaxlib; print(jaxlib.__version__)") && $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --target .venv/cuda jax-cuda12-plugin==$$jaxlib jax-cuda12-pjrt==$$jaxlib
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
