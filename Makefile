PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test slow bench clean

demo: $(VENV)/.sizer-installed
	mkdir -p out
	$(BIN)/sizer calibrate --images 2000 --out out/builtin.json --plots out
	$(BIN)/sizer recommend --calibration out/builtin.json --noise-step 200 --target-acc 0.75 \
		--report out/report.html

test: $(VENV)/.tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist loadfile -m 'not slow'

slow: $(VENV)/.tests-installed
	$(BIN)/pytest -n auto --dist loadfile -m slow

bench: $(VENV)/.tests-installed
	$(BIN)/python benchmarks/engine.py --json out/engine.json
	$(BIN)/python benchmarks/memory.py --json out/memory.json

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.sizer-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.tests-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/.sizer-installed

clean:
	rm -rf $(VENV) build dist out .mypy_cache .pytest_cache .ruff_cache
