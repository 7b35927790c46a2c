# `make` lists what there is to do. Needs Python 3.11 or 3.12, git and make, nothing else.

PORT ?= 8000
HOST ?= 127.0.0.1
export PORT HOST

VENV := .venv/bin/python
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
PIP := $(VENV) -m pip install -qq --disable-pip-version-check --no-input

.PHONY: help install run test lint bench chaos format
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

install: $(DEVELOPMENT) ## prepare .venv with all that is needed to run, test and lint

run: $(RUNTIME) ## start the portal with two emulated Comet Servers (PORT=8000 HOST=127.0.0.1)
	@PERIHELION_ENV=demo exec $(VENV) manage.py run

test: $(DEVELOPMENT) ## lint, types, settings and every test, PostgreSQL and Chromium included
	@exec $(VENV) -m tests.run

lint: $(DEVELOPMENT) ## the checks of `make test` that start no tests
	@exec $(VENV) -m tests.run --checks-only

bench: $(DEVELOPMENT) ## benchmarks, one line each and a table at the end (ONLY=name for some)
	@exec $(VENV) -m tests.bench $(ONLY)

chaos: $(DEVELOPMENT) ## break everything at random and see that nothing is lost (SEED=7 MINUTES=6)
	@SEED=$(SEED) MINUTES=$(MINUTES) RATE=$(RATE) DATABASE=$(DATABASE) exec $(VENV) -m tests.chaos

format: $(DEVELOPMENT) ## write the code as the linters want it
	@$(VENV) -m ruff check --quiet --fix . ; $(VENV) -m ruff format .

lock: $(DEVELOPMENT) ## write the digests of what the requirements files pin
	@$(VENV) -m tests.locks

# Each lock file is installed again when it changes. Nothing is taken whose digest is not in it.

$(RUNTIME): requirements.lock | virtualenv
	@echo "Installing requirements.lock into .venv"
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(RUNTIME) | virtualenv
	@echo "Installing requirements-dev.lock into .venv"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# The first Python of the list that runs and is 3.11 or 3.12; PYTHON= goes first.
.PHONY: virtualenv
virtualenv:
	@if $(VENV) -c "import pip" 2>/dev/null; then exit 0; fi; \
	lacking=; \
	if ! [ -w . ]; then echo "Cannot write to $(CURDIR): it is read-only for you. Clone into a folder of your own." >&2; exit 1; fi; \
	for candidate in $(PYTHON) python3.11 python3.12 python3 python; do \
	  version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  case "$$version" in 3.11 | 3.12) ;; *) continue ;; esac; \
	  "$$candidate" -c 'import ensurepip, venv' 2>/dev/null || { lacking=$$version; continue; }; \
	  echo "Making .venv with Python $$version"; \
	  rm -f $(RUNTIME) $(DEVELOPMENT); \
	  exec "$$candidate" -m venv --clear .venv; \
	done; \
	if [ -n "$$lacking" ]; then \
	  echo "Python $$lacking here lacks its venv module. On Debian or Ubuntu: apt install python$$lacking-venv" >&2; exit 1; \
	fi; \
	echo "Perihelion needs Python 3.11 or 3.12, and none was found. If it is installed elsewhere: make run PYTHON=/path/to/python3.12" >&2; exit 1
