# shellcheck shell=bash
# Sourced by run.sh before the cluster starts: everything of the node is on one small disk.
mkdir -p "$APUS_TEST_ROOT/node"
mount -t tmpfs -o size=120m tmpfs "$APUS_TEST_ROOT/node"
