# Every target sets up .venv by itself and is quick when nothing changed.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PATHS := src tests bench examples
# The peers that the bench compares with have an environment of their own.
PEERS_VENV := .venv-bench
PEERS := $(PEERS_VENV)/.ready

# Most tests wait most of the time: more of them at once than there are processors.
WORKERS ?= 6
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist worksteal
# What has more to do in full than beside the other tests.
TORTURE := $(addprefix tests/, config engine faults formats fuzz growth history outputs report resources secrets sources \
	speckit torture tui) $(addprefix tests/cli/test_, logfile.py watch_signals.py contact.py) \
	$(addprefix tests/integrations/test_, celery.py gunicorn.py) \
	$(addprefix tests/watcher/test_, gone_by_tools.py green.py gunicorn.py) tests/runtime/test_load_at_any_moment.py

SECONDS ?= 1800
SEED ?= $(shell date +%s)

.PHONY: run test compiled coverage torture torture-fleet fuzz soak docs site laws pictures lint format bench bench-quick bench-fleet clean

run: $(READY)  ## watch your configuration, live
	@$(BIN)/hotconf run $(ARGS)

test: $(READY)  ## everything that must hold
	@$(MAKE) --no-print-directory --jobs 2 lint compiled
	$(PYTEST) $(ARGS)

# In a fresh checkout each worker would rewrite and compile every test by itself, at the same time as the others.
compiled: $(READY)
	@$(BIN)/pytest --collect-only -qq $(ARGS) > /dev/null 2>&1 || true

coverage: $(READY)  ## the same tests, and which lines they run
	$(PYTEST) --cov --cov-report=term $(ARGS)

# They start hundreds of interpreters: what is compiled once is not compiled by each.
test compiled coverage torture: export PYTHONDONTWRITEBYTECODE =
torture: WORKERS = 6
torture: $(READY)  ## every scenario several times over, every search in full: takes long
	HOTCONF_TORTURE=full HOTCONF_SEED=$(SEED) $(PYTEST) $(TORTURE) -p no:cacheprovider $(ARGS)

fuzz: $(VENV)/.fuzz  ## any bytes at all, guided by coverage: SECONDS=1800 SEED=…
	cd tests && ../$(BIN)/python -m fuzz $(SECONDS) $(SEED)

soak: $(READY)  ## random edits by several processes under readers: SECONDS=1800 SEED=…
	cd tests && ../$(BIN)/python -m torture.soak $(SECONDS) $(SEED)

torture-fleet: SECONDS = 300
torture-fleet: $(READY)  ## a fleet on real etcd, and everything that can happen to it: SECONDS=300 SEED=…
	cd tests && ../$(BIN)/python -m fleet.torture.run $(SECONDS) $(SEED)

docs: laws site  ## the pages as a site, in .docs/html

site: $(VENV)/.docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --builder html docs .docs/html

laws: $(READY)  ## those in docs/architecture.md, and its diagram, from the code
	cd tests && ../$(BIN)/python -m docs.generated

pictures: $(READY)  ## those in the README and the documentation: the programs run, and are drawn
	$(BIN)/python docs/recording.py
	$(BIN)/python docs/picture.py

lint: $(READY)
	$(BIN)/ruff format --check --quiet $(PATHS)
	$(BIN)/ruff check --quiet $(PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(READY)
	$(BIN)/ruff format $(PATHS)
	$(BIN)/ruff check --fix $(PATHS)

bench: $(READY) $(PEERS)  ## the figures, beside the peers', on this machine; writes docs/performance.md and the README's
	$(BIN)/python -m bench --peers $(PEERS_VENV)/bin/python --write docs

bench-quick: $(READY) $(PEERS)  ## the same in two minutes, only printed
	$(BIN)/python -m bench --peers $(PEERS_VENV)/bin/python --quick

PROCESSES ?= 60
bench-fleet: export PYTHONPATH = tests
bench-fleet: $(READY)  ## the figures of a fleet on real etcd: PROCESSES=60; renews their section of docs/performance.md
	$(BIN)/python -m bench.fleet --processes $(PROCESSES) --write docs

$(READY): constraints/dev.txt constraints/runtime.txt constraints/tools.txt pyproject.toml
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r constraints/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -r constraints/tools.txt -e .
	@touch $@

$(VENV)/.docs: $(READY) constraints/docs.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r constraints/docs.txt
	@touch $@

$(VENV)/.fuzz: $(READY) constraints/fuzz.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r constraints/fuzz.txt
	@touch $@

$(PEERS): bench/requirements.txt pyproject.toml
	python3 -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS_VENV) .test-work .docs .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
