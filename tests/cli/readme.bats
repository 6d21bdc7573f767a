#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tour of README.md works when it is pasted.
load helpers

# Its commands, but for the first block: the tools are built and on PATH already.
tour()
{
    awk '/^```sh$/ { block++; on = 1; next } /^```$/ { on = 0 } on && block > 1' "$NT_ROOT/README.md"
}

@test "the tour works" {
    [ -d "$FASHION_MNIST" ] || skip "no Fashion-MNIST (dataset-fashion-mnist)"
    tour >tour.sh
    [ "$(grep -c '^nt-' tour.sh)" -ge 10 ]
    if [ -n "${NT_SAN-}" ]; then
        sed -i 's/--steps [0-9]*/--steps 5/' tour.sh
    fi
    bash -euxo pipefail tour.sh
}

@test "the table lists the tools that there are" {
    [ "$(sed -n 's/^| `\(nt-[a-z-]*\)` .*/\1/p' "$NT_ROOT/README.md" | sort)" = \
      "$(cd "$NT_ROOT/tools" && ls nt-*.c | sed 's/\.c$//' | sort)" ]
}

@test "make help's targets that it names exist" {
    for t in demo check help deps install layers; do
        grep -q "^$t:" "$NT_ROOT/Makefile"
    done
}
