#!/bin/sh
# The manifests in deploy/kubernetes are such as Kubernetes knows, by the models of its client; faults that
# are planted in them are found.
set -eu
cd "$(dirname "$0")/../.."

tree=$(mktemp -d "${TMPDIR:-/tmp}/allot-kubernetes.XXXXXX")
trap 'rm -rf "$tree"' EXIT

fail() {
    echo "test_kubernetes: $*" >&2
    cat "$tree/faults" >&2
    exit 1
}

check() {
    /usr/bin/python3 -W ignore tests/scripts/check_kubernetes.py "$@" >"$tree/faults" 2>&1
}

check deploy/kubernetes/*.yaml || fail "a manifest is wrong"
for file in deploy/kubernetes/*.yaml; do
    name=$(basename "$file")
    [ "$name" = kustomization.yaml ] || grep -q "^  - $name\$" deploy/kubernetes/kustomization.yaml ||
        fail "kustomization.yaml doesn't name $name"
done

# is_found FILE SED FAULT: what the sed script does to the manifest is found.
is_found() {
    sed "$2" "deploy/kubernetes/$1" >"$tree/$1"
    ! cmp -s "deploy/kubernetes/$1" "$tree/$1" || fail "$1: $2 changes nothing"
    if check "$tree/$1"; then fail "$1: $2 is not found"; fi
    grep -q -e "$3" "$tree/faults" || fail "$1: $2 is found, but not by $3"
}

is_found deployment.yaml 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' 'securityContext.readOnlyRootFileSystem'
is_found deployment.yaml 's/replicas: 2/replicas: "2"/' 'replicas: expected int'
is_found deployment.yaml 's/drop: \[ALL\]/drop: ALL/' 'drop: expected a list'
is_found deployment.yaml '/^  selector:/,/kubernetes.io/d' 'selector'
is_found deployment.yaml 's/value: "1024"/value: 1024/' 'value: expected str'
is_found service.yaml 's/targetPort/target/' 'ports\[0\].target: no such field'
is_found poddisruptionbudget.yaml 's,policy/v1,policy/v2,' 'knows no'
is_found poddisruptionbudget.yaml 's/maxUnavailable: 1/maxUnavailable: [1]/' 'maxUnavailable: expected'
is_found networkpolicy.yaml 's/- from:/- sources:/' 'ingress\[0\].sources'
is_found servicemonitor.yaml 's/serverName/hostName/' 'tlsConfig.hostName'
is_found kustomization.yaml 's/newTag: 0.1.0/newTag: 1/' 'newTag: expected str'
