# Two commands for a machine with Python 3.10 to 3.13 and no ROS 2:
#   make demo     camera, depth node and recorder as real processes; see demo_out/
#   make test     lint, type check and tests
# Both make .venv first if it is missing. In a ROS 2 workspace use colcon instead: see README.md.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
# Named by content and place, not by time: touching requirements.txt installs nothing; changing it,
# or moving the checkout, does.
STAMP := $(VENV)/.installed-$(shell (pwd; cat requirements.txt) | sha256sum | cut -c1-12)

# A sourced ROS 2 would put its own Python packages and libraries before those in .venv. The last
# one tells the rclpy wheel that its library path is set, which holds only inside one environment.
unexport PYTHONPATH PYTHONHOME LD_LIBRARY_PATH AMENT_PREFIX_PATH COLCON_PREFIX_PATH
unexport RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: help
help:  ## show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
	echo
	echo "make demo takes SOURCE=<folder | video | bag | /dev/videoN>  CAMERA=<camera.yaml>"
	echo "                FX=<focal length in pixels>  OUT=<folder>  FRAMES=<number>"
	echo "                ARGS='--size 320x240'  (make demo ARGS=--help lists them)"
	echo "make test takes PYTEST_ARGS='-k cloud -x'"
	echo "make faults takes ARGS='--only camera --quick'; make soak takes FRAMES=<number>"

.PHONY: venv
venv: $(STAMP)  ## make .venv and install requirements.txt into it

$(STAMP):
	@if [ "$$(uname -sm)" != 'Linux x86_64' ]; then
	  echo "This is $$(uname -sm); PyPI has rclpy wheels for Linux x86_64 only." >&2
	  echo "Use it in a ROS 2 workspace instead: see docs/installation.md" >&2
	  exit 1
	fi
	python=''
	for candidate in $${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
	      2>/dev/null; then python=$$candidate; break; fi
	done
	if [ -z "$$python" ]; then
	  echo "No Python 3.10 to 3.13 found (tried: $${PYTHON:-python3, python3.13 ... python3.10})." >&2
	  echo "Install one, or name one: make PYTHON=/path/to/python3.12" >&2
	  exit 1
	fi
	version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
	  echo "Python $$version here cannot make virtual environments." >&2
	  echo "On Debian and Ubuntu: sudo apt-get install python$$version-venv" >&2
	  exit 1
	fi
	if ! "$(BIN)/python" -c 'import pip' 2>/dev/null; then
	  echo "==> Making $(VENV) with Python $$version"
	  rm -rf "$(VENV)"
	  "$$python" -m venv "$(VENV)"
	fi
	echo "==> Installing requirements.txt from PyPI into $(VENV): PyTorch, rclpy and Fast DDS, OpenCV"
	echo "    and tools. About 7 GB on disk; one to several minutes, only this once."
	rm -f "$(VENV)"/.installed-*
	seconds=$$SECONDS
	"$(BIN)/python" -m pip install --disable-pip-version-check -r requirements.txt
	# The package is used from this folder, so an edit takes effect at once.
	"$(BIN)/python" -c 'import os, sysconfig, pathlib; pathlib.Path(sysconfig.get_path("purelib"),
	"scaledepth_ros.pth").write_text(os.getcwd() + "\n")'
	touch "$@"
	echo "==> Installed in $$((SECONDS - seconds)) s"

.PHONY: demo
demo: $(STAMP)  ## run the pipeline on a simulated camera, or on SOURCE=, and write demo_out/
	@"$(BIN)/python" -m scaledepth_ros.cli demo \
	  $(if $(SOURCE),--source '$(SOURCE)') $(if $(FX),--fx '$(FX)') \
	  $(if $(CAMERA),--camera '$(CAMERA)') $(if $(OUT),--out '$(OUT)') \
	  $(if $(FRAMES),--frames '$(FRAMES)') $(ARGS)

.PHONY: test
test: lint types  ## lint, type check and run the tests (PYTEST_ARGS= is passed on)
	@echo '==> pytest'
	# Several processes at a time share the cores; threads of each would wait for each other.
	OMP_NUM_THREADS="$${OMP_NUM_THREADS:-1}" "$(BIN)/python" -m pytest $(PYTEST_ARGS)

.PHONY: faults
faults: $(STAMP)  ## inject faults into real nodes and print what came of each; see docs/reliability.md
	@OMP_NUM_THREADS="$${OMP_NUM_THREADS:-1}" "$(BIN)/python" test/faults/run.py $(ARGS)

.PHONY: soak
soak: $(STAMP)  ## send FRAMES= (20000) images through a node and watch its memory
	@OMP_NUM_THREADS="$${OMP_NUM_THREADS:-1}" "$(BIN)/python" test/faults/soak.py \
	  $(if $(FRAMES),--frames '$(FRAMES)') $(ARGS)

.PHONY: lint
lint: $(STAMP)  ## check the style (ruff, as strict as ament_flake8 and ament_pep257)
	@echo '==> ruff'
	"$(BIN)/python" -m ruff check .

.PHONY: types
types: $(STAMP)  ## check the types of everything outside scaledepth_ros/ros (mypy --strict)
	@echo '==> mypy'
	"$(BIN)/python" -m mypy

.PHONY: colcon
colcon: $(STAMP)  ## build with colcon in a scratch workspace and check what it installs
	@"$(BIN)/python" -m pytest test/test_packaging.py -v -k colcon $(PYTEST_ARGS)

.PHONY: clean
clean:  ## remove what builds, tests and the demo leave behind; keeps .venv
	@rm -rf build install log demo_out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf scaledepth_ros.egg-info
	find scaledepth_ros test launch -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## clean, and remove .venv too
	@rm -rf "$(VENV)"
