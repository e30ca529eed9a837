#!/bin/sh
# What the documents name is there: the files and headings that they link to, the files that they
# mention, the flags of allotd. And the check itself finds what isn't.
set -eu
cd "$(dirname "$0")/../.."
ALLOTD=${ALLOTD:-build/allotd}
[ -x "$ALLOTD" ] || { echo "no $ALLOTD: run make" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-docs.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir "$work/help"
commands=$("$ALLOTD" --help | sed -n '/^usage/,/^`/s/^  \([a-z][a-z]*\)  .*/\1/p')
for command in $commands; do
    "$ALLOTD" "$command" --help >"$work/help/$command"
done
[ -s "$work/help/serve" ] || { echo "test_docs: --help lists no command serve" >&2; exit 1; }

# Faults of each kind, each beside what looks like one.
mkdir -p "$work/tree/docs"
cat >"$work/tree/docs/good.md" <<'END'
# What *is* here: `code`, and more
## Twice
## Twice
END
cat >"$work/tree/README.md" <<'END'
[good](docs/good.md), [its heading](docs/good.md#what-is-here-code-and-more), [web](https://example.org/none)
[the second](docs/good.md#twice-1), `[code](none.md)`
[gone](docs/gone.md)
[no heading](docs/good.md#thrice) and [none here](#nowhere)
[outside](../outside.md)
`docs/good.md`, docs/{good,bad}.md, docs/g*.md, x/docs/bad.c
`--listen`, `curl --unknown`, `allotd solve --repeat 3`
`--unheard-of` and `allotd solve --listen`

    curl --unknown | allotd serve \
        --listen 1 --no-such-thing
END
cat >"$work/expected" <<'END'
README.md:3: no such file: docs/gone.md
README.md:3: no such file: docs/gone.md
README.md:4: no such heading: docs/good.md#thrice
README.md:4: no such heading: #nowhere
README.md:5: no such file: ../outside.md
README.md:6: no such file: docs/bad.md
README.md:8: no such flag: --unheard-of
README.md:8: allotd has no such flag: --listen
README.md:10: allotd has no such flag: --no-such-thing
END
if python3 tests/scripts/check_docs.py "$work/tree" "$work/help" >"$work/found"; then
    echo "test_docs: the check finds nothing" >&2
    exit 1
fi
diff "$work/expected" "$work/found" >&2 || {
    echo "test_docs: the check doesn't find what is wrong (<), or finds what isn't (>)" >&2
    exit 1
}

python3 tests/scripts/check_docs.py . "$work/help" >&2
