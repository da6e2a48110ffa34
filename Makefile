# Each target does all of its set-up; a bare machine needs python3 (>= 3.10) with venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/pip install --quiet -c constraints.txt

.PHONY: demo test mutants lint docs bench bench-quick bench-regressions clean

$(BIN)/.core: setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(INSTALL) torch
	$(INSTALL) -e '.[all]'
	touch $@

$(BIN)/.dev: $(BIN)/.core
	$(INSTALL) -e '.[dev]'
	touch $@

$(BIN)/.mutants: $(BIN)/.dev
	$(INSTALL) -e '.[mutants]'
	touch $@

$(BIN)/.docs: $(BIN)/.core
	$(INSTALL) -e '.[docs]'
	touch $@

$(BIN)/.bench: $(BIN)/.dev
	$(INSTALL) -e '.[bench,ray]'
	touch $@

demo: $(BIN)/.core
	$(BIN)/selective-query demo

# One process a core, each with one thread: threads that spin slow the others. All must
# collect the same tests, whatever order a set of names has.
test: $(BIN)/.dev
	OMP_NUM_THREADS=1 PYTHONHASHSEED=0 \
	    $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

# A sample of each file; ALL=1 tries every mutant.
mutants: $(BIN)/.mutants
	$(BIN)/python benchmarks/mutants.py $(if $(ALL),--all)

lint: $(BIN)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(BIN)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench-quick: $(BIN)/.bench
	$(BIN)/python benchmarks/run_all.py --quick

bench-regressions: $(BIN)/.bench
	$(BIN)/python benchmarks/regressions.py

bench: $(BIN)/.bench
	$(BIN)/python benchmarks/run_all.py
	$(BIN)/python benchmarks/write_tables.py

clean:
	rm -rf $(VENV) build dist mutants *.egg-info docs/_build docs/gallery docs/api/generated
