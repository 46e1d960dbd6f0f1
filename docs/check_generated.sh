#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares docs/generated with what the tables say now. GENERATED_DOCS comes from docs/local.mk.
status=0
srcdir=${srcdir:-.}
for doc in $GENERATED_DOCS; do
  page=${doc%%:*} program=${doc#*:}
  if ! "./$program" | diff -u "$srcdir/docs/generated/$page" - >&2; then
    echo "docs/generated/$page is out of date: run make docs" >&2
    status=1
  fi
done
exit $status
