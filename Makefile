# make demo   speak one example, without a GPU
# make test   run the test suite, as CI does; make test-slow: the long tests; make check: also lint, types, imports

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TORCH ?= torch==2.13.0
DEMO ?= inbox_example/two-voices
PREFIX ?= /opt/fishd
EXTRAS ?= metrics

.PHONY: help demo test test-slow test-systemd check install install-dev install-fish install-service lint types imports bench clean

help:
	@sed -n '1,2s/^# //p' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[review]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[dev,languages]'
	$(PIP) --no-deps resemblyzer==0.1.4  # it declares torch and librosa; only its weights are read
	@touch $@

$(VENV)/.installed-formats: $(VENV)/.installed
	$(PIP) -e '.[formats]'
	@touch $@

$(VENV)/.installed-fish: $(VENV)/.installed
	$(PIP) '$(TORCH)'
	$(PIP) -e '.[fish]'
	$(PIP) --no-deps fish-speech==0.1.0 descript-audio-codec==1.0.0
	@touch $@

install: $(VENV)/.installed        ## the daemon with the preview engine
install-dev: $(VENV)/.installed-dev
install-fish: $(VENV)/.installed-fish  ## the fish engine; TORCH='torch>=2.8' for the CUDA build

# A daemon with the preview engine in ./demo, and one example submitted to it.
# DEMO=inbox_example/NAME is another example; a book becomes an .m4b, which needs the extra formats.
demo: $(VENV)/.installed $(if $(wildcard $(DEMO)/*.epub),$(VENV)/.installed-formats)
	@test -f demo/config.toml || $(BIN)/fishd init demo
	@$(BIN)/fishd run --config demo/config.toml 2>demo/fishd.log & daemon=$$!; \
	trap 'kill $$daemon 2>/dev/null; wait $$daemon' EXIT; \
	for _ in $$(seq 100); do $(BIN)/fishd status --config demo/config.toml >/dev/null 2>&1 && break; sleep 0.1; done; \
	$(BIN)/fishd submit --wait --config demo/config.toml $(DEMO)

# As root: install fishd in /opt/fishd and its systemd service, and start it. To upgrade, run it again, then
# `systemctl restart fishd`. With the fish engine: EXTRAS=metrics,fish TORCH='torch>=2.8'
install-service: PIP := $(PREFIX)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
install-service:
	test -x $(PREFIX)/bin/python || $(PYTHON) -m venv $(PREFIX)
ifneq (,$(findstring fish,$(EXTRAS)))
	$(PIP) '$(TORCH)'
	$(PIP) --no-deps fish-speech==0.1.0 descript-audio-codec==1.0.0
endif
	$(PIP) '.[$(EXTRAS)]'
	$(PREFIX)/bin/fishd service install --now

test: $(VENV)/.installed-dev $(VENV)/.installed-fish
	$(BIN)/python -m pytest -m 'not slow and not gpu and not systemd'

# atheris has wheels only for some Pythons and machines; without it, its one test is skipped with that reason.
test-slow: $(VENV)/.installed-dev $(VENV)/.installed-fish
	-$(PIP) --only-binary :all: atheris
	$(BIN)/python -m pytest -m 'slow and not gpu' --timeout 3600

# A real systemd in a container. Needs root, systemd-container and mmdebstrap; the first run downloads a Debian.
test-systemd: $(VENV)/.installed-dev $(VENV)/.installed-fish
	$(BIN)/python -m pytest -m systemd --timeout 300 tests/systemd

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

check: lint types imports test

clean:
	rm -rf $(VENV) demo build *.egg-info
