# `make up` ends with the platform serving; `make test` passes every test. Both do all set-up, on Debian 12 as root with
# git, Rust and Go. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export DEIS_CACHE ?= $(HOME)/.cache/deis
DOMAIN ?= apps.localhost
BIN := target/debug
NODE := $(BIN)/deis-node
IMAGES := target/images
# What the programs in the images are built with: debug, or release.
PROFILE ?= debug

# What this file and the tests call; the node's and the images' packages stand beside their code.
PACKAGES := build-essential ca-certificates curl git openssh-client openssl postgresql-15 python3-venv redis-server
PACKAGE_LISTS := integration/node/packages.txt images/packages.txt
# What the bench compares us with.
BENCH_PACKAGES := haproxy nginx-light openssh-server python3-venv rsyslog

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: platform ## install the platform: on the test node, or on the cluster that KUBECONFIG names
	@scripts/next-lines "$(DOMAIN)"

.PHONY: down
down: ## stop the test node and remove all that it made
	@if [ -x $(NODE) ]; then $(NODE) down; fi

.PHONY: test
test: packages lint build upstream ## pass every test
	@scripts/test

.PHONY: soak
soak: packages build upstream ## run what takes too long for every change: all kills, power failures, a million log lines
	@scripts/soak

.PHONY: bench
bench: PACKAGES += $(BENCH_PACKAGES)
bench: packages build upstream ## print the budgets' figures and fail on a broken ceiling
	@PROFILE=$(if $(filter file,$(origin PROFILE)),release,$(PROFILE)) scripts/bench

.PHONY: fuzz-api
fuzz-api: packages ## make up 20,000 requests from the OpenAPI document, others each time; DEIS_FUZZ_SEED=… makes the same again
	@export DEIS_FUZZ_SEED=$${DEIS_FUZZ_SEED:-$$RANDOM}; echo "DEIS_FUZZ_SEED=$$DEIS_FUZZ_SEED"; \
	DEIS_FUZZ_EXAMPLES=$${DEIS_FUZZ_EXAMPLES:-300} DEIS_FUZZ_CASES=20000 \
	  cargo test --workspace --locked --test postgres --test sqlite -- --nocapture edge::fuzz

.PHONY: lint
lint: packages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

.PHONY: build
build: packages ## compile everything once, tests included
	cargo build --workspace --all-targets --locked
	cargo rustc --package deis --bin deis --locked --target-dir target/static -- -C target-feature=+crt-static
	@mkdir -p target/bin
	@ln -sf ../static/debug/deis ../debug/deisctl ../debug/deis-node target/bin/

.PHONY: upstream
upstream: build ## build Kubernetes, etcd, CoreDNS, helm and the registry into the cache
	@$(NODE) build >/dev/null

.PHONY: images
images: build upstream ## make all container images
ifneq ($(PROFILE),debug)
	cargo build --workspace --bins --locked --profile $(PROFILE)
endif
	@$(BIN)/deis-images build --bin-dir target/$(PROFILE) --upstream-dir "$$($(NODE) build)" --out $(IMAGES)

.PHONY: push-images
push-images: images ## push all images to another registry: make push-images REGISTRY=registry.example.com/deis
	@$(BIN)/deis-images push --from $(IMAGES) --registry "$(REGISTRY)"

.PHONY: platform
platform: images
	@DOMAIN="$(DOMAIN)" scripts/platform

.PHONY: proto
proto: ## generate the gRPC code again after a change of proto/
	UPDATE_GENERATED=1 cargo test --package deis-proto --test generated

.PHONY: reference
reference: ## write docs/reference again after a change of error codes, of the command line or of the REST API
	UPDATE_GENERATED=1 cargo test --package deis-api --test error_codes
	UPDATE_GENERATED=1 cargo test --package deis --test cli -- reference
	UPDATE_GENERATED=1 cargo test --workspace --test sqlite -- contract::document

.PHONY: audit
audit: ## check licences, sources and banned or doubled dependencies (needs cargo-deny)
	cargo deny check bans licenses sources

# Only what is missing is installed, so that this costs nothing the second time and needs no network then. Services among it are
# not started: whoever needs one starts his own. Debian asks `policy-rc.d`.
.PHONY: packages
packages:
	@wanted="$(PACKAGES) $$(sed -E 's/#.*//' $(PACKAGE_LISTS) | tr '\n' ' ')"; \
	missing=; for package in $$wanted; do \
	  dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  policy=/usr/sbin/policy-rc.d; \
	  if [ ! -e $$policy ]; then trap "rm -f $$policy" EXIT; install /dev/stdin $$policy <<< $$'#!/bin/sh\nexit 101'; fi; \
	  DEBIAN_FRONTEND=noninteractive apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
