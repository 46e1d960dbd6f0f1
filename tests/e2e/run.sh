#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - the end-to-end tests. Without arguments those that need no other server, as one of
# `make check`'s tests, skipped with the reason where pytest or kcat is missing; `run.sh peers
# [PYTEST OPTION...]` those against the real Apache Kafka and OpenSearch (make check-peers);
# `run.sh cluster [PYTEST OPTION...]` all of the cluster's, minutes each (make check-cluster).
# Where pytest-xdist is there, tests run side by side: two for each core, as they mostly wait, but
# one and a half where the programs are sanitized, and one beside Java's. LOGBOOM_WORKERS says
# another number.
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
cores=$(nproc)
workers=$cores
case $1 in
peers)
    which="peers and not long"
    shift
    ;;
cluster)
    which="cluster or long"
    shift
    ;;
*)
    workers=$((cores * 2))
    if grep -q __asan_init logboom-broker; then workers=$(((cores * 3 + 1) / 2)); fi
    ;;
esac
if "$tool" -p xdist --version >/dev/null 2>&1; then
    set -- -n "${LOGBOOM_WORKERS:-$workers}" --dist loadgroup "$@"
fi
exec "$tool" -q -p no:cacheprovider --durations=5 -rs -m "$which" "$@" "$srcdir/tests/e2e"
