#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - the end-to-end tests. Without arguments those that need no other server, as one of
# `make check`'s tests, skipped with the reason where pytest or kcat is missing; `run.sh peers
# [PYTEST OPTION...]` those against the real Apache Kafka and OpenSearch (make check-peers).
# Files run side by side on two workers where pytest-xdist is there: the tests mostly wait.
for tool in pytest-3 pytest; do
    command -v "$tool" >/dev/null && break
    tool=
done
if [ -z "$tool" ] || ! command -v kcat >/dev/null; then
    echo "skipped: the end-to-end tests need pytest and kcat (Debian: python3-pytest kcat)"
    exit 77
fi
: "${srcdir:=.}"
LOGBOOM_BUILD=$(pwd)
PYTHONDONTWRITEBYTECODE=1
export LOGBOOM_BUILD PYTHONDONTWRITEBYTECODE
which="not peers"
if [ "$1" = peers ]; then
    which=peers
    shift
fi
if "$tool" -p xdist --version >/dev/null 2>&1; then
    set -- -n 2 --dist loadfile "$@"
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$tool" -q -p no:cacheprovider --durations=5 -m "$which" "$@" "$srcdir/tests/e2e" \
    >"$out" 2>&1
code=$?
[ "$code" = 0 ] && cat "$out" && exit 0
# What failed is run once more, alone: a failure only under load is named, loudly, so that it is
# looked into.
failed=$(sed -n 's/^\(FAILED\|ERROR\) \([^ ]*\).*/\2/p' "$out" | sed 's|.*tests/e2e/||')
count=$(printf '%s\n' "$failed" | grep -c .)
if [ "$count" -gt 0 ] && [ "$count" -le 3 ]; then
    sed -e 's/\([0-9]* failed\), \([0-9]* passed\)\(.*\)/\2, \1 at first\3/' \
        -e 's/ in [0-9.]*s.*//' "$out"
    cd "$srcdir/tests/e2e" || exit 1
    echo "FLAKY? running again alone: $failed"
    # shellcheck disable=SC2086
    "$tool" -q -p no:cacheprovider $failed && exit 0
    exit 1
fi
cat "$out"
exit "$code"
