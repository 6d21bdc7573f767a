#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

@test "what make install puts in place works there" {
    unset MAKEFLAGS MAKELEVEL
    make -s -C "$NT_ROOT" ${NT_BIN:+B="${NT_BIN%/bin}"} install DESTDIR="$PWD/root" PREFIX=/usr >log 2>&1 || cat log
    root/usr/bin/nt-zoo list | cmp - <(nt-zoo list)
    [ "$(cd root/usr/bin && ls)" = "$(cd "$NT_ROOT/tools" && ls nt-*.c | sed 's/\.c$//')" ]
    for t in root/usr/bin/*; do
        t=${t##*/}
        [ -f "root/usr/share/man/man1/$t.1" ]
        [ -f "root/usr/share/bash-completion/completions/$t" ]
    done
    [ -f root/usr/lib/libnt-rt.a ] && [ -f root/usr/include/nt_rt.h ]
    for d in zoo models pipelines; do
        [ -n "$(ls "root/usr/share/nt/$d")" ]
    done
}

@test "the top level of the tree holds what it should" {
    git -C "$NT_ROOT" rev-parse --git-dir >/dev/null 2>&1 || skip "not a git clone"
    [ "$(git -C "$NT_ROOT" ls-files | grep -v '^\.' | cut -d / -f 1 | LC_ALL=C sort -u | tr '\n' ' ')" = \
      "LICENSE Makefile README.md findings lib pipelines share tests tools " ]
}

@test "the package lists have a name and a reason a line" {
    for f in "$NT_ROOT"/share/deps/*.txt; do
        not grep -vE '^(#.*|[a-z0-9][a-z0-9.+-]* +# .+|)$' "$f"
        [ -z "$(sed 's/#.*//' "$f" | awk 'NF { print $1 }' | sort | uniq -d)" ]
    done
}

@test "make deps does nothing, quickly, where all is there" {
    command -v dpkg-query >/dev/null || skip "not Debian"
    [ -z "$("$NT_ROOT/share/deps/install" "$NT_ROOT/share/deps/debian.txt" 2>&1)" ]
}
