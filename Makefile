# Two commands matter: `make demo` (set up, then the life of a model) and `make test` (set up, then every test).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11) python3.11)
VENV ?= .venv
BIN := $(VENV)/bin
SOAK ?= 50
TRITON := 3.6.0 3.9.0
# torch's CPU build lives on an index of its own; where that is out of reach, pip's configured sources have to hold one.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

export PYTHON
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The package initialisers are among them because the editable install remembers which folders are packages.
BUILD_INPUTS := pyproject.toml constraints.txt CMakeLists.txt \
  $(shell find csrc -type f) $(shell find mlops_runtime kernels -name __init__.py)
CPP_FILES := $(shell find csrc kernels -name '*.hpp' -o -name '*.cpp' -o -name '*.cu')
LOG := build/setup.log

# $(call quietly,WHAT,COMMAND): say what is done; show the end of its log only when it fails.
define quietly
@mkdir -p $(dir $(LOG))
@echo "  $(1)"
@{ $(2); } >$(LOG) 2>&1 || { tail -n 40 $(LOG); echo "failed: $(1) (all of it: $(LOG))"; exit 1; }
endef

.PHONY: help demo test setup lint bench soak sanitize triton constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-ready ## Set up (two minutes, no torch, no Ray), then show the whole life of a model in one
	@$(BIN)/mlrt demo

test: setup ## Set up everything, then run every test, two at a time
	@$(BIN)/pytest --numprocesses 2 --dist worksteal

setup: $(VENV)/.test-ready ## Set up everything the tests, the linters and the benchmarks need
	@true

lint: setup ## Formatting, lint, types, the native module's stubs, the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/clang-format --dry-run --Werror $(CPP_FILES)
	@$(BIN)/mypy
	@$(BIN)/stubtest mlops_runtime._native
	@$(BIN)/lint-imports

bench: setup ## Measure this machine and the kernels against named peers (quiet machine, please)
	@$(BIN)/mlrt bench all

soak: setup ## The seeded campaigns, SOAK times longer than in `make test` (default 50)
	@MLRT_SOAK=$(SOAK) $(BIN)/pytest -m soak --timeout=0

sanitize: setup ## The kernel tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tests/kernels/sanitize

triton: setup $(TRITON:%=.triton/%) ## The Triton versions whose kernels are tested without a GPU (1.6 GB)
	@true

.triton/%:
	$(call quietly,Triton $*,$(BIN)/pip install --no-deps --target $@.new triton==$* && mv $@.new $@)

constraints: ## Pin anew everything that demo and test install, as constraints.txt
	$(call quietly,a clean environment,rm -rf build/constraints && $(PYTHON) -m venv build/constraints)
	$(call quietly,the newest release of everything,env -u PIP_CONSTRAINT build/constraints/bin/pip install \
	  torch==$(shell sed -n 's/^torch==//p' constraints.txt) cmake ninja pybind11 scikit-build-core '.[train,torch,test,bench]')
	@{ sed '/^[^#]/,$$d' constraints.txt; \
	  build/constraints/bin/pip freeze --all --exclude pip --exclude mlops_runtime | sed 's/+cpu$$//'; } >build/constraints.txt
	@mv build/constraints.txt constraints.txt && git diff --stat -- constraints.txt

clean: ## Remove what make made: the environment, builds, caches
	rm -rf $(VENV) .triton build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@.ci/packages build
	$(call quietly,Python environment in $(VENV),$(PYTHON) -m venv $(VENV))

$(VENV)/.demo-ready: $(BIN)/python $(BUILD_INPUTS)
	$(call quietly,compile the kernels; install mlops_runtime[train] (log: $(LOG)),$(BIN)/pip install -e '.[train]')
	@touch $@

$(VENV)/.test-ready: $(BIN)/python $(BUILD_INPUTS)
	$(call quietly,compile the kernels; install mlops_runtime[train$(comma)torch$(comma)test] (log: $(LOG)), \
	  if $(BIN)/python -c 'import urllib.request as u; u.urlopen("$(TORCH_INDEX)/torch/"$(comma) timeout=5)'; \
	  then export PIP_EXTRA_INDEX_URL=$(TORCH_INDEX); fi; $(BIN)/pip install -e '.[train$(comma)torch$(comma)test]')
	@touch $@ $(VENV)/.demo-ready

comma := ,
