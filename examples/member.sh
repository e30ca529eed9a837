#!/bin/sh
# A member: registers, stays alive, takes what it is assigned and says so, drains on SIGTERM.
#   member.sh URL ZONE SUFFIX [ITEM_LIMIT]          needs curl and jq
set -eu
members=$1/v1/members/$2/$3 assignments=$1/v1/assignments
session=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
spec="{\"item_limit\": ${4:-10}, \"ttl_seconds\": 10, \"session\": \"$session\"}"
list=$(mktemp)
echo '{}' >"$list"
draining=

request() { curl -sS --fail-with-body -m 60 -H "Allot-Session: $session" "$@"; }
heartbeat() {
    while sleep 3; do
        request -o /dev/null -X POST "$members/heartbeat" --json '{}' ||
            request -o /dev/null -X PUT "$members" --json "$spec" || true
    done
}

request -o /dev/null -X PUT "$members" --json "$spec"
heartbeat & beats=$!
trap 'kill $beats 2>/dev/null || true; rm -f "$list"' EXIT
trap 'draining=1' TERM INT

# each time: the server may have been away, or the member be registered anew
drain() { request -o /dev/null -X POST "$members/drain" --json '{}'; }
leave() { # the server refuses that while anything is held
    kill "$beats" # they would register it anew
    wait "$beats" || true
    request -o /dev/null -X DELETE "$members" --json '{}' && return
    heartbeat & beats=$!
    return 1
}
until [ "$draining" ] && drain && jq -e '.items == []' "$list" >/dev/null && leave; do
    request -o "$list" "$members/assignments?limit=5000&after=$(jq '.revision // 0' "$list")&wait=30s" &
    wait $! || { kill $! 2>/dev/null || true; sleep 1; continue; }
    jq -r '.items[] | select(.reported | not) | .item | @uri' "$list" | while read -r item; do
        echo "taking $item" # here it is loaded, say; then it may count
        request -o /dev/null -X PATCH "$assignments/$item/$2/$3" --json '{"consistent": true}' || true
    done
done
