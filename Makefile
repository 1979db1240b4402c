PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Every file is proved by its hash; torch.txt says why torch is not.
HASHED := $(PIP) --require-hashes --no-deps --requirement
OURS := $(PIP) --no-deps --no-build-isolation --editable .
FUZZ ?= 36

.PHONY: demo test slow fuzz docs bench paper lock audit lowest clean

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

docs: $(VENV)/.tests-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo out/site/index.html

fuzz: $(VENV)/.tests-installed
	SIZER_FUZZ=$(FUZZ) $(BIN)/pytest -n auto tests/test_fuzz.py

bench: $(VENV)/.tests-installed
	$(BIN)/python benchmarks/engine.py --json out/engine.json
	$(BIN)/python benchmarks/memory.py --json out/memory.json

# Stopped at any moment, the same line goes on; it says first how long it will take.
paper: $(VENV)/.tests-installed
	$(BIN)/python benchmarks/paper.py

# Pins stay as they are, but those that pyproject.toml no longer allows; remove the files to move all.
lock: $(VENV)/.lock-installed
	$(BIN)/python tools/lock.py

audit: $(VENV)/.lock-installed
	$(BIN)/python tools/audit.py

# The lower bounds of pyproject.toml, as far as packages say theirs; torch stays as it is in torch.txt.
lowest: $(VENV)/.lock-installed
	$(BIN)/python tools/lowest.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.sizer-installed: pyproject.toml requirements.txt | $(BIN)/python
	$(HASHED) requirements.txt
	$(OURS)
	touch $@

$(VENV)/.tests-installed: pyproject.toml constraints.txt torch.txt | $(BIN)/python
	$(HASHED) constraints.txt
	$(PIP) --requirement torch.txt
	$(OURS)
	touch $@ $(VENV)/.sizer-installed

$(VENV)/.lock-installed: | $(BIN)/python
	$(PIP) 'uv>=0.9' 'pip-audit>=2.9'
	touch $@

clean:
	rm -rf $(VENV) build dist out .mypy_cache .pytest_cache .ruff_cache
