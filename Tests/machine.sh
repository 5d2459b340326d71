# shellcheck shell=bash
# Sourced by the scripts that boot clusters: a machine of their own.

# Runs SCRIPT again in namespaces of its own, with a folder in APUS_TEST_ROOT and the Python PACKAGES in PATH. Exits as
# it does, or with 1 when the machine is not as it was before. KEEP=1 leaves the folder behind.
on_own_machine() { # SCRIPT PACKAGES [ARG...]
  local script=$1 tools folder status=0 packages
  read -ra packages <<< "$2"
  shift 2
  Tools/needs.sh
  tools=$(dirname "$(Tools/python.sh "${packages[@]}")")
  folder=$(mktemp -d /tmp/apus-node.XXXXXX)
  export APUS_TEST_ROOT=$folder PATH=$tools:$PATH
  python3 Tests/Integration/census.py "$folder" > "$folder.before"
  Tools/isolate.sh "$script" "$@" || status=$?
  [ -n "${KEEP:-}" ] || rm -rf "$folder"
  python3 Tests/Integration/census.py "$folder" > "$folder.after"
  if ! diff "$folder.before" "$folder.after"; then
    echo "$(basename "$script"): the machine is not as it was before (< before, > after)" >&2
    status=1
  fi
  rm -f "$folder.before" "$folder.after"
  exit $status
}

# Gives the namespaces the node's address 10.240.0.1, on a link pair that leads nowhere.
node_address() {
  ip link add node0 type veth peer name node1
  ip address add 10.240.0.1/24 dev node0
  ip link set node0 up
  ip link set node1 up
  ip route add default via 10.240.0.254 dev node0
}
