# The two commands of the README set everything up by themselves: make demo, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test bench curves quiet idle tamper fuzz timing huffman costs lint format clean

demo: $(VENV)/.runtime
	$(BIN)/dialtone demo -d demo

# On all cores, then those that mind the clock and a sound server of their own, one after the other:
# a virtual machine stands still whenever its host is busy, which may leave a gap in any sound, so
# that these may fail twice. Those that did are listed.
# `python -m pytest FILE` runs single files in one process.
test: $(VENV)/.dev
	@.ci/install-system
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --ignore=tests/live --numprocesses auto --dist worksteal
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/live --reruns 2 -rR

bench: $(VENV)/.runtime
	$(BIN)/dialtone bench

# How often blocks fail in noise, at every speed: modem/frame_errors.csv and .png.
curves: $(VENV)/.runtime
	$(BIN)/python tools/frame_errors.py

# What the receiver takes for a signal in six hours of other sounds. SOUNDS="FOLDER ..." adds files.
quiet: $(VENV)/.runtime
	$(BIN)/python tools/false_detections.py $(SOUNDS)

# Hours of such sounds through `dialtone listen`: its cost, its memory. HOURS=24 SOUNDS="FOLDER ..."
idle: $(VENV)/.runtime
	$(BIN)/python tools/long_listening.py $(if $(HOURS),--hours $(HOURS)) $(SOUNDS)

# A transfer damaged in every place: the exact file or a named refusal. Half an hour on two cores.
tamper: $(VENV)/.runtime
	$(BIN)/python tools/tampering.py

# Where the receiver's time goes: a table and modem/receiver_profile.png.
timing: $(VENV)/.runtime
	$(BIN)/python tools/receiver_profile.py --draw

# The Huffman coder's speed and size beside zlib's. FILES="FILE ..." measures with these instead.
huffman: $(VENV)/.runtime
	$(BIN)/python tools/huffman_bench.py $(FILES)

# What the frame layer costs in bytes, by packet size, lock and order.
costs: $(VENV)/.runtime
	$(BIN)/python tools/frame_costs.py

# Broken inputs for everything that reads what strangers send. INPUTS=5000000 takes an hour.
fuzz: $(VENV)/.dev
	@$(PIP) install --constraint constraints.txt --editable '.[fuzz]' || echo "without atheris: by chance"
	$(BIN)/python tools/fuzz.py $(if $(INPUTS),--inputs $(INPUTS))

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@echo "Setting up a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Dialtone needs Python 3.11 or newer (set PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); .ci/install-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Dialtone and what it needs"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing what the tests need"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo bench fuzz build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
