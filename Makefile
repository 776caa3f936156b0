# Everything works on a fresh machine: the first target that needs it makes .venv and installs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test test-long lint bench clean

demo: $(READY)
	$(BIN)/archiver demo demo

test: $(READY)
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile

test-long: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/sqlfluff lint sql

bench: $(READY)
	for b in ingest publish reconcile backfill memory nightly; do $(BIN)/python benchmarks/$$b.py || exit 1; done

clean:
	rm -rf $(VENV) demo dist build

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q archiver
	touch $@
