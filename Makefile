# Detour. `make help` lists the targets. V=1 shows the commands; V=0 is the same as none.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

Q := $(if $(filter-out 0,$(V)),,@)

NODE_MODULES := node_modules/.package-lock.json
# The directories, too: one changes when a file in it is deleted.
SOURCES := $(shell find src -type d -o -name '*.ts')
DIST := dist/.stamp

# After a command that writes into the tree, which may be of the user who said sudo; keeps the command's exit status.
GIVE_BACK := status=$$?; scripts/give-back.sh; exit $$status

include bpf/build.mk

.PHONY: help build test test-unit test-vm lint format demo run load unload bench abi clean system native install uninstall

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  make %-22s %s\n", $$1, $$2}'

system:
	$(Q)scripts/install-packages.sh build lab

$(NODE_MODULES): package.json package-lock.json .npmrc | system
	@echo "  NPM     ci"
	$(Q)npm ci --silent $(if $(Q),,--loglevel=notice)
	$(Q)touch $@

native: $(NODE_MODULES) | system
	$(Q)V=$(or $(V),0) scripts/build-native.sh

$(BPF_OBJECTS): | system

# Made beside the old one, which stays if that fails: no file of a deleted source is left over, and none is missing
# meanwhile. The stamp is as old as the start: a source that was edited during the build is newer.
$(DIST): $(SOURCES) tsconfig.json tsconfig.build.json $(NODE_MODULES)
	@echo "  TSC     dist"
	$(Q)rm -rf dist.new && mkdir dist.new && touch dist.new/.stamp
	$(Q)npx --no-install tsc -p tsconfig.build.json --outDir dist.new
	$(Q)rm -rf dist && mv dist.new dist

build: system native bpf $(DIST) ## Install what is missing, compile BPF objects, addon and TypeScript
	$(Q)scripts/give-back.sh

test: build ## All tests; ends with "N passed, N failed"
	$(Q)scripts/install-packages.sh lint test vm
	$(Q)scripts/mount-bpffs.sh
	$(Q)node scripts/test.mjs all; $(GIVE_BACK)

test-unit: build ## Unit and API tests only: no root needed
	$(Q)node scripts/test.mjs unit; $(GIVE_BACK)

test-vm: build ## BPF and namespace tests in QEMU: KERNEL=6.1 (default) or 6.12
	$(Q)scripts/install-packages.sh test vm
	$(Q)scripts/test-vm.sh $(or $(KERNEL),6.1); $(GIVE_BACK)

lint: $(NODE_MODULES) ## ESLint, Prettier, clang-format and the type checker
	$(Q)scripts/install-packages.sh lint
	$(Q)node scripts/test.mjs lint

format: $(NODE_MODULES) ## Rewrite sources in the house style
	$(Q)scripts/install-packages.sh lint
	$(Q)node scripts/format.mjs

demo: build ## Build a lab in network namespaces, cut and silence uplinks, print what happened
	$(Q)scripts/mount-bpffs.sh
	$(Q)node dist/lab/demo.js; $(GIVE_BACK)

run: build ## Run the controller: CONFIG=detour.yaml
	$(Q)[ -n "$(CONFIG)" ] || { echo 'make run: name the configuration: make run CONFIG=detour.yaml' >&2; exit 64; }
	$(Q)scripts/mount-bpffs.sh
	$(Q)exec node dist/cli/main.js run "$(CONFIG)"

load: build ## Attach the XDP program without a controller: IFACES="eth0 eth1"
	$(Q)[ -n "$(IFACES)" ] || { echo 'make load: name the interfaces: make load IFACES="eth0 eth1"' >&2; exit 64; }
	$(Q)scripts/mount-bpffs.sh
	$(Q)node dist/cli/main.js load $(IFACES)

unload: build ## Detach every program of Detour's and remove its pins
	$(Q)node dist/cli/main.js unload

# Builds nothing: as root it would leave root's files in the tree.
install: ## Copy what was built to PREFIX=/opt/detour, with a command, a unit and an example configuration; DESTDIR
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' BINDIR='$(BINDIR)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' scripts/install.sh install

uninstall: ## Remove what "make install" copied; the configuration and keys stay
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' BINDIR='$(BINDIR)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' scripts/install.sh uninstall

bench: build ## Measure side by side: BENCH=forward, idle, ...; without BENCH all of them
	$(Q)scripts/mount-bpffs.sh
	$(Q)node dist/bench/main.js $(BENCH); $(GIVE_BACK)

abi: bpf $(NODE_MODULES) ## Generate src/abi/ from the BPF objects' BTF
	$(Q)node scripts/generate-abi.mjs

clean: ## Remove everything that was built
	$(Q)rm -rf build dist dist.new native/build
