# Front door to the build. The PostgreSQL-free part (layers, engine, tests, benchmarks) is built by CMake, tensile.so by
# PGXS (scripts/pgxs.mk); this file only joins them. Everything is built below BUILD_DIR.

PG_CONFIG ?= pg_config
BUILD_DIR ?= build
JOBS ?= $(shell nproc)
CCACHE ?= $(shell command -v ccache)
# Compute capabilities for the CUDA plug-in ("75;90"); empty: all that the project supports.
CUDA_ARCHITECTURES ?=
CLANG_FORMAT ?= clang-format-14
CLANG_TIDY ?= run-clang-tidy-14

ROOT := $(CURDIR)
BUILD := $(abspath $(BUILD_DIR))
CORE := $(BUILD)/core
PGXS_BUILD := $(BUILD)/pgxs

# The engine is installed under its build id, so that a server that still runs an older tensile.so starts the engine that belongs
# to it, also after an upgrade of the files.
BUILD_ID := $(shell scripts/build-id)
ENGINE_DIR = $(shell $(PG_CONFIG) --pkglibdir)/tensile-$(BUILD_ID)
SHARE_DIR = $(shell $(PG_CONFIG) --sharedir)/tensile

PGXS_MAKE = $(MAKE) --no-print-directory -C $(PGXS_BUILD) -f $(ROOT)/scripts/pgxs.mk VPATH=$(ROOT) CORE=$(CORE) \
	BUILD_ID=$(BUILD_ID) PG_CONFIG=$(PG_CONFIG) with_llvm=no \
	CXX="$(strip $(CCACHE) g++)"
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo)
FORMATTED = find src cuda test bench examples -type f \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) 2>/dev/null

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all engine extension configure install uninstall installcheck check check-gpu check-kernels check-threads demo demo-stop bench dependencies clean \
	format format-check lint help

all: engine extension ## Build the engine and the extension (default)

configure:
	@cmake -S . -B $(CORE) -G Ninja -DTENSILE_BUILD_ID=$(BUILD_ID) $(if $(CCACHE),-DCMAKE_CXX_COMPILER_LAUNCHER=$(CCACHE)) \
		'-DTENSILE_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)' --log-level=NOTICE > /dev/null
	@mkdir -p $(PGXS_BUILD)/src/pg

engine: configure ## Build only the engine and its CUDA plug-in, where a CUDA compiler is found
	cmake --build $(CORE) --parallel $(JOBS) --target tensile-engine plugins tensile_client tensile_protocol

extension: configure ## Build only tensile.so and the install script
	cmake --build $(CORE) --parallel $(JOBS) --target tensile_client tensile_protocol
	+$(PGXS_MAKE) -j$(JOBS) all

install: all ## Install extension and engine into the server of PG_CONFIG (honours DESTDIR)
	+$(PGXS_MAKE) install
	install -d '$(DESTDIR)$(ENGINE_DIR)' '$(DESTDIR)$(SHARE_DIR)'
	install -m 755 $(CORE)/src/engine/tensile-engine '$(DESTDIR)$(ENGINE_DIR)/tensile-engine'
	strip --strip-debug '$(DESTDIR)$(ENGINE_DIR)/tensile-engine'
	[ ! -f $(CORE)/cuda/tensile-cuda.so ] || { install -m 755 $(CORE)/cuda/tensile-cuda.so '$(DESTDIR)$(ENGINE_DIR)/tensile-cuda.so' && \
		strip --strip-debug '$(DESTDIR)$(ENGINE_DIR)/tensile-cuda.so'; }
	install -m 644 scripts/systemd/oom-policy.conf '$(DESTDIR)$(SHARE_DIR)/oom-policy.conf'
	@echo
	@echo "Recommended: shared_preload_libraries = 'tensile'. Where systemd runs the server, also install the drop-in"
	@echo "$(SHARE_DIR)/oom-policy.conf (it says how), so that an engine killed for memory does not stop the server."

uninstall: ## Remove what install put there, engines of earlier builds included
	+mkdir -p $(PGXS_BUILD) && $(PGXS_MAKE) uninstall
	rm -rf '$(DESTDIR)$(shell $(PG_CONFIG) --pkglibdir)'/tensile-????????????/ '$(DESTDIR)$(SHARE_DIR)'

installcheck: ## Run the regression tests against an installed, running server (PGHOST, PGPORT, ...)
	+$(PGXS_MAKE) installcheck

check: ## Set up everything and run every test (throw-away servers; touches no other server)
	scripts/check

check-threads: ## Run the unit tests of the layers that have threads under ThreadSanitizer (another 5 to 10 minutes)
	scripts/check dependencies thread

check-kernels: ## Run the CUDA kernels, compiled for the host, under ASan and UBSan (another 5 minutes)
	scripts/check dependencies kernels

check-gpu: ## Run the GPU suite and benchmark on this machine's GPU and print a table (at most 8 minutes, fetches nothing)
	scripts/check-gpu

demo: ## Set up everything, train on real data in a throw-away server, draw a forecast, and leave the server running
	scripts/install-dependencies build demo
	+$(MAKE) --no-print-directory all
	$(AS_ROOT) $(MAKE) --no-print-directory install PG_CONFIG=$(PG_CONFIG) BUILD_DIR=$(BUILD_DIR)
	examples/run

demo-stop: ## Stop and remove the demo's server
	scripts/throwaway-server stop

bench: ## Build and run the benchmarks that need no server
	scripts/install-dependencies build bench
	+$(MAKE) --no-print-directory configure
	cmake --build $(CORE) --parallel $(JOBS) --target benchmarks
	@for benchmark in $(CORE)/bench/*_bench; do [ ! -x "$$benchmark" ] || { echo "== $${benchmark##*/}"; "$$benchmark"; } || exit 1; done

dependencies: ## Install what building and running needs (Debian 12, apt)
	scripts/install-dependencies

clean: ## Remove everything that was built
	rm -rf $(BUILD)

format: ## Format all sources in place
	$(FORMATTED) | xargs -r $(CLANG_FORMAT) -i

format-check: ## Fail if a source is not formatted
	$(FORMATTED) | xargs -r $(CLANG_FORMAT) --dry-run -Werror

lint: ## Check the layer rule and run clang-tidy
	scripts/install-dependencies build lint
	+$(MAKE) --no-print-directory configure
	scripts/check-layers
	cmake --build $(CORE) --parallel $(JOBS) --target tensile_protocol
	$(CLANG_TIDY) -p $(CORE) -quiet -j $(JOBS) '$(ROOT)/src/.*\.cpp'

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: PG_CONFIG=%s BUILD_DIR=%s DESTDIR= JOBS=%s\n' '$(PG_CONFIG)' '$(BUILD_DIR)' '$(JOBS)'
