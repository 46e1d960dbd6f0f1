#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - the end-to-end tests that need no other server, as one of `make check`'s tests.
# Skipped, with the reason, where pytest or kcat is missing.
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
exec "$tool" -q -x -p no:cacheprovider -m "not peers" "$srcdir/tests/e2e"
