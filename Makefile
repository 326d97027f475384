# Every target sets up .venv by itself and is quick when nothing changed.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PATHS := src tests bench

.PHONY: run test lint format bench bench-quick clean

run: $(READY)  ## watch your configuration, live
	@$(BIN)/hotconf run $(ARGS)

test: lint  ## everything that must hold
	$(BIN)/pytest --cov --cov-report=term --cov-report= $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check --quiet $(PATHS)
	$(BIN)/ruff check --quiet $(PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(READY)
	$(BIN)/ruff format $(PATHS)
	$(BIN)/ruff check --fix $(PATHS)

bench: $(READY)  ## the figures, on this machine
	$(BIN)/python -m bench

bench-quick: $(READY)
	$(BIN)/python -m bench --quick

$(READY): constraints/dev.txt constraints/runtime.txt constraints/tools.txt pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r constraints/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -r constraints/tools.txt -e .
	@touch $@

clean:
	rm -rf $(VENV) .test-work .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
