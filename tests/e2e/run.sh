#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - the end-to-end tests. Without arguments those that need no other server, as one of
# `make check`'s tests, skipped with the reason where pytest or kcat is missing; `run.sh peers
# [PYTEST OPTION...]` those against the real Apache Kafka and OpenSearch (make check-peers);
# `run.sh cluster [PYTEST OPTION...]` all of the cluster's, minutes each (make check-cluster).
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
which="not peers and not long"
case $1 in
peers)
    which="peers and not long"
    shift
    ;;
cluster)
    which="cluster or long"
    shift
    ;;
esac
if "$tool" -p xdist --version >/dev/null 2>&1; then
    set -- -n 2 --dist loadfile "$@"
fi
exec "$tool" -q -p no:cacheprovider --durations=5 -m "$which" "$@" "$srcdir/tests/e2e"
