#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_reference.sh - docs/generated and conf are what the daemons' tables say, and every sample is
# a right configuration. A test of `make check`, run in the build directory.
top=${srcdir:-.}
made=$(mktemp -d) || exit 1
trap 'rm -rf "$made"' EXIT
sh "$top/docs/reference.sh" "$made" || exit 1
status=0
for page in "$made"/*; do
  name=${page##*/}
  set --
  case $name in
    *.yml)
      kept=$top/conf/$name
      # What has no default, and must be there.
      if [ "$name" = agent.yml ]; then
        set -- --set 'filebeat.inputs=[{type: filestream, id: logs, paths: [/var/log/*.log]}]' \
          --set 'output.kafka={hosts: ["127.0.0.1:9092"], topic: logs}'
      fi
      # With every setting said: the defaults must be right ones, too.
      sed 's/^#\([a-z]\)/\1/' "$page" >"$made/all"
      if ! "./logboom-${name%.yml}" --check-config --config "$made/all" "$@" >/dev/null; then
        echo "conf/$name without its comments is not a right configuration" >&2
        status=1
      fi ;;
    *) kept=$top/docs/generated/$name ;;
  esac
  if ! diff -u "$kept" "$page" >&2; then
    echo "$kept is out of date: run make docs" >&2
    status=1
  fi
done
for sample in "$top"/conf/cluster/*.yml; do
  if ! ./logboom-broker --check-config --config "$sample" >/dev/null; then
    echo "$sample is not a right configuration" >&2
    status=1
  fi
done
exit $status
