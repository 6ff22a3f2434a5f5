# Everything a checkout needs: `make run` opens the dashboard, `make test` and `make lint` check a change. The first use
# makes .venv, which takes some minutes; later uses take it as it is until pyproject.toml or constraints.txt change.
#
#   make test ARGS="-k regime"     hands arguments on to pytest (to the dashboard or the benchmarks likewise)
#   make run PYTHON=python3.12     makes .venv with this Python instead of the newest there is
#   make run TORCH_INDEX=URL       takes torch from this index instead of the one below: for CUDA, say,
#                                  https://download.pytorch.org/whl/cu130. Empty (TORCH_INDEX=) is PyPI, whose Linux
#                                  build brings some gigabytes of CUDA. A .venv that has torch keeps it: `make clean` first.

.DEFAULT_GOAL := help
.PHONY: help run test lint bench constraints clean chromium

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS :=

# On Linux, torch without CUDA lies on PyTorch's own index; elsewhere PyPI's build is already that.
ifeq ($(shell uname -s),Linux)
TORCH_INDEX := https://download.pytorch.org/whl/cpu
else
TORCH_INDEX :=
endif

help: ## shows these lines
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

run: .venv/installed ## opens the dashboard
	$(BIN)/regimescope app $(ARGS)

# Those in a browser come after the others and one by one: a page that has to wait for a core cannot be watched. Pytest's
# 5 says that ARGS chose none of one kind.
test: .venv/installed-dev chromium ## runs the tests, those in a browser too
	@REGIMESCOPE_CHROMIUM="$$($(find_chromium))"; export REGIMESCOPE_CHROMIUM; \
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m "not browser" $(ARGS); first=$$?; \
	$(BIN)/python -m pytest -m browser $(ARGS); second=$$?; \
	case "$$first $$second" in "0 0" | "0 5" | "5 0") ;; *) exit 1 ;; esac

lint: .venv/installed-dev ## checks style, layout, imports between layers, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/basedpyright

bench: .venv/installed-dev ## runs the benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

constraints: ## renews constraints.txt: the newest releases that pyproject.toml allows; torch is raised by hand
	rm -rf .venv
	$(MAKE) .venv/torch
	grep '^torch==' constraints.txt > .venv/kept
	$(PIP) install --quiet --constraint .venv/kept --editable '.[test,lint]'
	sed '/^[^#]/,$$d' constraints.txt > .venv/pins
	$(PIP) freeze --all --exclude-editable --exclude pip | sed 's/+[a-z0-9]*$$//' >> .venv/pins
	mv .venv/pins constraints.txt

clean: ## removes .venv and everything else that was made, but no results
	rm -rf .venv build dist .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- Python and packages ---------------------------------------------------------------------------------------------

PYTHON :=

.venv/created:
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null && "$$python" -m venv .venv && touch $@ && exit; \
	  echo "make: $$python cannot make virtual environments; install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; \
	  exit 1; \
	done; \
	echo "make: Python 3.11 or newer is needed and was not found; install it, or name it: make run PYTHON=/path/to/python3." >&2; \
	exit 1

# pip tries an index that cannot be reached again and again, for every package; so one question goes ahead of it, and only
# torch is taken from there.
.venv/torch: .venv/created constraints.txt
	@echo "Setting up .venv, which takes some minutes the first time."
	@[ -z "$(TORCH_INDEX)" ] && exit; \
	if $(BIN)/python -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=5)' "$(TORCH_INDEX)/torch/" \
	  2>/dev/null; \
	then $(PIP) install --quiet --no-deps --index-url "$(TORCH_INDEX)" --constraint constraints.txt torch; \
	else echo "$(TORCH_INDEX) cannot be reached: torch is installed from where pip finds everything else."; fi
	@touch $@

.venv/installed: .venv/torch pyproject.toml
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

# ---- a browser for the tests -----------------------------------------------------------------------------------------

find_chromium = if [ -n "$$REGIMESCOPE_CHROMIUM" ]; then echo "$$REGIMESCOPE_CHROMIUM"; else \
  for name in chromium chromium-browser google-chrome \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; \
  do command -v "$$name" && break; done; fi

chromium:
	@[ -n "$$($(find_chromium))" ] && exit; \
	if [ "$$(id -u)" = 0 ]; then root="env"; else root="sudo -n env"; fi; \
	{ command -v apt-get >/dev/null && $$root apt-get update -qq </dev/null \
	  && $$root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium </dev/null >/dev/null; } \
	|| echo "make: no Chromium for the tests in a browser; install Chromium or Chrome, or set REGIMESCOPE_CHROMIUM to its path." >&2
