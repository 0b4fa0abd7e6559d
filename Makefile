# make demo: set up, then reconstruct heads from a real photo.   make test: set up, then run all tests.   make check: the quick ones.
# On Linux without a GPU, a smaller download: make demo PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_FLAGS)
LAB_FLAGS ?=
BENCH_FLAGS ?=
NOTEBOOK ?= 00_quickstart
GRADE_FLAGS ?=
export OMP_NUM_THREADS ?= 1
# What matplotlib, Jupyter, IPython and torch keep lies in .venv and goes with it.
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/var/matplotlib
export TORCHINDUCTOR_CACHE_DIR := $(CURDIR)/$(VENV)/var/torch
export IPYTHONDIR := $(CURDIR)/$(VENV)/var/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/$(VENV)/var/jupyter
export JUPYTER_DATA_DIR := $(CURDIR)/$(VENV)/var/jupyter/data
# JupyterLab asks npm, if there is one, for its folders, and npm logs that.
export npm_config_cache := $(CURDIR)/$(VENV)/var/npm

.PHONY: demo doctor test check javascript lab solutions handouts site serve grade slides bench fuzz clean locks

demo: $(VENV)/ready
	$(BIN)/d3f-lite demo

# It says what to do; it installs nothing.
doctor:
	@if test -x $(BIN)/python; then $(BIN)/python notebooks/doctor.py; else $(PYTHON) notebooks/doctor.py; fi

test: $(VENV)/ready-to-test
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/ready-to-test javascript
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy --no-error-summary
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" --ignore tests/research

# Users need no npm; without it, or without a way to its registry, this step says so and is left out.
javascript:
	@if ! command -v npm >/dev/null; then echo "javascript: not looked at, npm is not here"; \
	elif ! test -d widgets/node_modules && ! npm --prefix widgets ci --silent; then echo "javascript: not looked at, npm cannot get Biome"; \
	else npm --prefix widgets run --silent check; fi

lab: $(VENV)/ready-to-test
	$(BIN)/python notebooks/handouts.py --keep
	$(BIN)/jupyter lab $(LAB_FLAGS) handouts/00_quickstart.ipynb

solutions: $(VENV)/ready
	$(BIN)/jupyter lab $(LAB_FLAGS) notebooks/00_quickstart.ipynb

handouts: $(VENV)/ready-to-test
	$(BIN)/python notebooks/handouts.py

site: $(VENV)/ready-to-test
	@test ! -e site || test -e site/.buildinfo || { echo "site/ holds files that make site did not write: move it away"; exit 2; }
	$(BIN)/python -m sphinx -q -W --keep-going --jobs 2 -c docs -d build/doctrees . site

grade: $(VENV)/ready-to-test
	$(BIN)/python notebooks/grade.py $(NOTEBOOK) $(GRADE_FLAGS)

slides: $(VENV)/ready-to-test
	$(BIN)/python notebooks/slides.py

serve: site
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory site

bench: $(VENV)/ready-to-test
	PYTHONPATH=tests/helpers $(BIN)/python tests/bench/bench.py $(BENCH_FLAGS)

fuzz: $(VENV)/ready-to-test
	PYTHONPATH=.:tests/helpers $(BIN)/python tests/hostile/fuzz.py
	D3F_LITE_KILLS=20 $(BIN)/python -m pytest -q tests/hostile/test_kill.py

clean:
	rm -rf $(VENV) widgets/node_modules results handouts slides site build jupyter_execute docs/generated d3f_lite.egg-info
	find d3f_lite widgets notebooks research tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/ready: pyproject.toml constraints.txt locks/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "d3f-lite needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): this takes a few minutes the first time"
	@# A recent pip: the one that comes with Python 3.11 gives up on so many packages.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==26.3
	$(PIP) --no-deps --require-hashes --requirement locks/run.txt
	@# torch has no hash there, so that PIP_FLAGS chooses its build.
	$(PIP) torch==2.13.0
	$(PIP) --no-build-isolation --editable .
	@$(BIN)/python -c 'import cv2' || { echo "OpenCV cannot start: install libGL, on Debian and Ubuntu: apt-get install libgl1"; exit 1; }
	touch $@

$(VENV)/ready-to-test: $(VENV)/ready locks/test.txt
	$(PIP) --no-deps --require-hashes --requirement locks/test.txt
	$(PIP) --no-build-isolation --editable '.[test]'
	touch $@

# Hashes of what constraints.txt pins, for every platform: after a change there or in pyproject.toml, with uv (docs.astral.sh/uv).
locks:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c constraints.txt pyproject.toml -o locks/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c constraints.txt --extra test pyproject.toml -o locks/test.txt
