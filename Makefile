# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
CONFIGURATION ?= release
PREFIX ?= /usr/local
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help needs build up down test fuzz check bench format protos golden golden-record install clean

help: ## print this text
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

needs: ## install the Debian packages that building and testing need
	@Tools/needs.sh

build: ## compile everything once, programs and tests
	@Tools/needs.sh build
	swift build --configuration $(CONFIGURATION) --build-tests

up: ## build, boot a one-node cluster and show a sample application answering
	@Tools/up.sh

down: ## stop the cluster and remove every trace of it
	@Tools/down.sh

test: ## everything that CI runs
	@Tools/test.sh

fuzz: ## feed the readers of outside input with damaged input: FUZZ_SECONDS=60 FUZZ_SEED=1 SUBJECT=json
	@Tools/fuzz.sh $(SUBJECT)

check: ## the rules of the house that a program can check, without a build
	@Tools/check.sh

bench: ## measure, and show the figures beside those of the reference parts (BENCH="pods api" for some)
	@Tools/bench.sh $(BENCH)

format: ## rewrite the sources in the house's format
	swift format --in-place --recursive --parallel --configuration .swift-format Package.swift Sources Tests

protos: ## renew the generated Swift from Protos/
	@Tools/protos.sh

golden: ## replay the recorded API conversations against a fresh server
	@Tools/golden.sh

golden-record: ## the same, and add what passes to the list that only grows
	@Tools/golden.sh --record

install: ## lay the programs out below $(DESTDIR)$(PREFIX)
	@Tools/install.sh "$(DESTDIR)" "$(PREFIX)" "$(CONFIGURATION)"

clean: ## remove what building made
	rm -rf .build
