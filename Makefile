# Two commands matter: `make demo` (set up, then the life of a model) and `make test` (set up, then every test).
SHELL := /bin/bash
PYTHON ?= python3.11
VENV ?= .venv
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
