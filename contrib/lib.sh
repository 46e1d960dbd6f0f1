# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what contrib/quickstart and contrib/run-tests share. Sourced, not run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# install_packages KIND...: installs what contrib/packages lists and this machine lacks.
install_packages() {
    local kind name missing=()
    for kind in "$@"; do
        while read -r name; do
            dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' ||
                missing+=("$name")
        done < <(sed -n "s/^$kind: //p" "$top/contrib/packages" | tr ' ' '\n')
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "run this as root, or install: ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${#missing[@]} packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
}

# build DIR [CONFIGURE OPTION...]: configures (the first time) and builds in DIR, which is not the
# source folder.
build() {
    local dir=$1
    shift
    [ ! -f "$top/config.status" ] ||
        die "the source folder itself is configured; run 'make distclean' there first"
    [ -x "$top/configure" ] || (cd "$top" && autoreconf -fi >/dev/null 2>&1) ||
        die "autoreconf failed; run it by hand to see why"
    mkdir -p "$dir"
    [ -f "$dir/Makefile" ] || (cd "$dir" && "$top/configure" -q "$@") ||
        die "configure failed, see above"
    make -C "$dir" -s -j"$(nproc)" || die "the build failed, see above"
}
