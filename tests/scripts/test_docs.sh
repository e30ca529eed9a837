#!/bin/sh
# What the documents name is there: the files and headings that they link to, the files that they
# mention, the flags of allotd. And the check itself finds what isn't.
set -eu
cd "$(dirname "$0")/../.."
. tests/scripts/stage.sh

mkdir "$tree/help"
commands=$("$ALLOTD" --help | sed -n '/^usage/,/^`/s/^  \([a-z][a-z]*\)  .*/\1/p')
for command in $commands; do
    "$ALLOTD" "$command" --help >"$tree/help/$command"
done
[ -s "$tree/help/serve" ] || fail "--help lists no command serve"

# Faults of each kind, each beside what looks like one.
mkdir -p "$tree/planted/docs"
cat >"$tree/planted/docs/good.md" <<'END'
# What *is* here: `code`, and more
## Twice
## Twice
END
cat >"$tree/planted/README.md" <<'END'
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
cat >"$tree/expected" <<'END'
README.md:3: no such file: docs/gone.md
README.md:3: no such file: docs/gone.md
README.md:4: no such heading: docs/good.md#thrice
README.md:4: no such heading: #nowhere
README.md:5: no such file: ../outside.md
README.md:6: no such file: docs/bad.md
README.md:8: allotd has no such flag: --unheard-of
README.md:8: allotd has no such flag: --listen
README.md:10: allotd has no such flag: --no-such-thing
END
if python3 tests/scripts/check_docs.py "$tree/planted" "$tree/help" >"$tree/found"; then
    fail "the check finds nothing"
fi
diff "$tree/expected" "$tree/found" >"$tree/output" ||
    fail "the check doesn't find what is wrong (<), or finds what isn't (>)"

python3 tests/scripts/check_docs.py . "$tree/help" >&2
