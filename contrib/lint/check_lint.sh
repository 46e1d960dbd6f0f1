#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_lint.sh - the lint's rules find what they are for. A test of `make check`, skipped
# without Python.
command -v python3 >/dev/null || exit 77
exec python3 "${srcdir:-.}/contrib/lint/lint.py" --self-test
