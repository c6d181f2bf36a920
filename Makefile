# make demo    everything the page needs, then the page on http://127.0.0.1:7860
# make test    everything the tests need, then the whole test suite;   make test-fast    without the browser and what is slow
# make screenshots   the README's pictures, and every tab into runs/screenshots
# make train-shapes   the synthetic shapes: scenes, backbone and heads, from scratch; INSTALL=checkpoints keeps them
# make audit   known weaknesses of the installed packages;   make sbom    sbom.json, the list of what is installed
# make soak    the real server under sixteen visitors for an hour; MINUTES=...   make soak-tiny    tiny models, 3 minutes
# make fuzz    hostile inputs; SECONDS=...
# make space SPACE=org/name   the page as a Hugging Face Space;   DRY_RUN=1 lists the files;   MODEL=org/name takes the weights;
#              BACKBONE=ViT-B-16/openai lets the page bring CLIP when it starts
# make lint    ruff and mypy;   make setup    only the virtual environment;   make clean    throw it away
# PYTHON=...   another interpreter (3.11 or newer);   PIP_FLAGS=...   more options for pip install

SHELL := /bin/bash
VENV := .venv
AUDIT := $(VENV)/audit
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_FLAGS ?=
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --disable-pip-version-check $(PIP_FLAGS)

.PHONY: demo test test-fast lint audit sbom soak soak-tiny fuzz setup screenshots train-shapes space clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.demo-installed
	$(RUN) app.py

test: setup
	$(RUN) -m pytest

test-fast: setup
	$(RUN) -m pytest -m "not slow and not browser"

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy zsseg training tools

soak: setup
	$(RUN) -m tests.load --minutes $(or $(MINUTES),60)

# Three minutes are enough to see a leak with models that answer in milliseconds.
soak-tiny: setup
	$(RUN) -m tests.load --tiny --side 100 --minutes 3

fuzz: setup
	$(RUN) -m tests.fuzz --seconds $(or $(SECONDS),600)

# Strict: a package that cannot be looked up, as without a network, is an error and no pass.
audit: $(AUDIT)/.installed $(VENV)/.demo-installed
	@packages="$$($(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; status=0; \
	$(AUDIT)/bin/pip-audit --strict --path "$$packages" 2> $(AUDIT)/errors || status=$$?; \
	if grep -q '^Traceback' $(AUDIT)/errors; then \
	  echo "Nothing was audited, the lists of known weaknesses cannot be reached ($$(tail -n 1 $(AUDIT)/errors | cut -c 1-150))." >&2; \
	  echo "Call make audit again with a network." >&2; \
	else cat $(AUDIT)/errors >&2; fi; \
	exit $$status

sbom: $(AUDIT)/.installed setup
	$(AUDIT)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file sbom.json $(RUN)

setup: $(VENV)/.dev-installed

screenshots: setup
	$(RUN) -m tests.browser.screenshots

train-shapes: setup
	$(RUN) -m training.shapes.train_all $(if $(INSTALL),--install $(INSTALL))

space: $(VENV)/.demo-installed
	@test -n "$(SPACE)" || { echo "Call make space SPACE=org/name, with DRY_RUN=1 to see the files first." >&2; exit 1; }
	$(RUN) -m tools.space $(SPACE) $(if $(MODEL),--model $(MODEL)) $(if $(BACKBONE),--backbone $(BACKBONE)) $(if $(DRY_RUN),--dry-run)

clean:
	rm -rf $(VENV)

# The stamps make a second call instant; a changed pin makes pip run again.
$(VENV)/.demo-installed: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev-installed: requirements.txt requirements-dev.txt requirements-labelme.txt | $(VENV)/bin/python
	$(PIP) -r requirements-dev.txt
	$(PIP) --no-deps -r requirements-labelme.txt
	@touch $@ $(VENV)/.demo-installed

$(AUDIT)/.installed: requirements-audit.txt | $(VENV)/bin/python
	$(RUN) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -r requirements-audit.txt
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11 (on Debian or Ubuntu: apt install python3 python3-venv), then call make again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Call make again with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. Install that part (on Debian or Ubuntu: apt install python3-venv), then call make again." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
