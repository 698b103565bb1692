# Every target works as the first command on a machine that has Python 3.11+, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOR ?=
READY := $(VENV)/ready
# What figures are compared with needs another NumPy than the project, so it has an environment of its own.
PEERS := .venv-peers
NAUTILUS := .venv-nautilus

.PHONY: paper test check bench clean

# Paper-trade on the local exchange until Ctrl-C; `make paper FOR=30s` stops by itself.
paper: $(READY)
	@$(BIN)/imbalance paper $(if $(FOR),--for $(FOR))

test: $(READY)
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests benchmarks

# Without a package index the rows of the peer say so, and all others are measured.
bench: $(READY)
	@$(MAKE) --no-print-directory $(PEERS)/ready || echo "$(PEERS) could not be made: its rows will be missing"
	@$(MAKE) --no-print-directory $(NAUTILUS)/ready || echo "$(NAUTILUS) could not be made: its rows will be missing"
	@$(BIN)/python -m benchmarks

$(PEERS)/ready: benchmarks/peers.lock
	@echo "Preparing $(PEERS) (once; a minute or two) ..."
	@test -x $(PEERS)/bin/python || $(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.lock
	@touch $@

$(NAUTILUS)/ready: benchmarks/nautilus.lock
	@echo "Preparing $(NAUTILUS) (once; a minute or two) ..."
	@test -x $(NAUTILUS)/bin/python || $(BIN)/python -m venv $(NAUTILUS)
	@$(NAUTILUS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/nautilus.lock
	@touch $@

$(READY): requirements.lock pyproject.toml
	@echo "Preparing $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 is needed, $(PYTHON) was $$($(PYTHON) --version 2>&1); say make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) $(PEERS) $(NAUTILUS) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
