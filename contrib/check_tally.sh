#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_tally.sh - the closing line of contrib/run-tests counts every kind of run, and each once.
: "${srcdir:=.}"
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0
is() { # EXPECTED FILE...
    want=$1
    shift
    got=$(awk -f "$srcdir/contrib/tally" "$@")
    [ "$got" = "$want" ] || { echo "tally of $*: $got, not $want" && failed=1; }
}
echo '100%: Checks: 12, Failures: 0, Errors: 0' >"$dir/a.log"
printf 'Running suite\n50%%: Checks: 4, Failures: 1, Errors: 1\nx.c:5:F:core:t: no\n' >"$dir/b.log"
cat >"$dir/pytest.log" <<'END'
...F..
FAILED tests/e2e/test_cli.py::t - assert 3 passed in 1
====== 1 failed, 128 passed, 2 skipped, 1 error in 170.55s (0:02:50) ======
1 failed, 128 passed, 2 skipped, 1 error in 170.55s (0:02:50)
END
printf 'seed 5\n400 passed, 0 failed\n' >"$dir/sim.txt"
echo '3 skipped in 0.12s' >"$dir/skipped.log"
: >"$dir/empty.log"
is '12 passed, 0 failed' "$dir/a.log"
is '2 passed, 2 failed' "$dir/b.log"
is '128 passed, 2 failed' "$dir/pytest.log"
is '400 passed, 0 failed' "$dir/sim.txt"
is '0 passed, 0 failed' "$dir/skipped.log" "$dir/empty.log"
cp "$dir/a.log" "$dir/c.log" # another suite with the same counts
is '554 passed, 4 failed' "$dir"/*.log "$dir/sim.txt"
exit $failed
