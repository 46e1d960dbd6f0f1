#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reference.sh DIRECTORY - asks every daemon in the build directory for its tables and writes
# configuration.md, metrics.md and a sample NAME.yml for each. Driven by `make docs` and
# check_reference.sh.
set -e
out=$1
{
  echo '# Settings'
  echo
  echo 'Made by make docs from the tables in the code. Names may be written dotted or nested.'
  echo "A file's values may hold \${NAME} and \${NAME:default} from the environment."
} >"$out/configuration.md"
{
  echo '# Metrics'
  echo
  echo 'Made by make docs from the tables in the code; served at /metrics.'
} >"$out/metrics.md"
for name in broker agent connect; do
  program=./logboom-$name
  if [ ! -x "$program" ]; then
    continue
  fi
  { echo; "$program" --print-reference settings; } >>"$out/configuration.md"
  { echo; "$program" --print-reference metrics; } >>"$out/metrics.md"
  "$program" --print-reference sample >"$out/$name.yml"
done
