#!/bin/sh
# The arrows point down: core/ includes nothing from above it, api/ nothing from server/, and neither
# what its layer leaves to others (docs/development.md).
set -eu
cd "$(dirname "$0")/../.."

status=0

# forbid FOLDER PATTERN REASON: no file of the folder includes what matches the pattern.
forbid() {
    if grep -nE "^ *# *include *[\"<]($2)" "$1"/*.[ch]; then
        echo "$1/ must not include: $3" >&2
        status=1
    fi
}

forbid core '(api|server|tests)/' "what stands above it"
forbid api '(server|tests)/' "what stands above it"
forbid server 'tests/' "tests"
forbid core '(stdio|time|signal|threads|unistd|fcntl|pthread|poll)\.h|sys/|net|arpa/' \
    "files, sockets, threads, clocks"
forbid core '(json-c|sqlite|gnutls|microhttpd|curl|zlib)' "libraries"
forbid api '(threads|pthread|unistd|fcntl|poll)\.h|sys/socket|net|arpa/|microhttpd|sqlite' \
    "sockets, threads, stores"
exit $status
