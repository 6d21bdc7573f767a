#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The manual pages and the completions say what the tools say of themselves.
load helpers

setup_file()
{
    for t in "$NT_ROOT"/tools/nt-*.c; do # once: a tool loads large libraries
        t=$(basename "$t" .c)
        "$t" --help >"$BATS_FILE_TMPDIR/$t.help"
        "$t" --dump-options >"$BATS_FILE_TMPDIR/$t.dump"
        "$t" --dump-man >"$BATS_FILE_TMPDIR/$t.man"
    done
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    man=$NT_ROOT/share/man
    tools=$(cd "$NT_ROOT/tools" && ls nt-*.c | sed 's/\.c$//')
}

# The options of --help, one a line: "-o --output FILE"
options_of_help()
{
    grep <"$BATS_FILE_TMPDIR/$1.help" -oE '^ +(-[a-z], )?--[a-z0-9-]+( [^ ]+)?' |
        sed -E 's/^ +//; s/^(-[a-z]),/\1/'
}

# The same of a page's list
options_of_page()
{
    sed -n 's/^\.It Fl //p' "$man/man1/$1.1" |
        sed -E -e 's/^([a-z]) , Fl -/-\1 --/; ta' -e 's/^-/--/' -e ':a' -e 's/ Ar / /'
}

@test "each tool has a page, and no page is of another" {
    [ "$(cd "$man/man1" && ls | sed 's/\.1$//')" = "$tools" ]
}

@test "pages list exactly the options that the tools take" {
    for t in $tools; do
        options_of_help "$t" >help
        [ -s help ]
        options_of_page "$t" | sort | diff <(sort help) - || { echo "in $t.1"; return 1; }
    done
}

@test "what a page says of options and keys is what the tool says" {
    for t in $tools; do
        "$NT_ROOT/share/man/fill" "$BATS_FILE_TMPDIR/$t.man" "$man/man1/$t.1" >filled 2>err
        cat err
        [ ! -s err ] # prose of an option that is gone, or no list
        diff "$man/man1/$t.1" filled || { echo "in $t.1 (make man-lists)"; return 1; }
    done
}

@test "a page that says something else is noticed, and what it adds is kept" {
    fill() { "$NT_ROOT/share/man/fill" "$BATS_FILE_TMPDIR/nt-finetune.man" "$1"; }
    page=$man/man1/nt-finetune.1
    for change in 's/^\.It Fl -lr Ar X/.It Fl -lr Ar Y/' 's/by default 0.001/by default 0.01/' \
        's/^\.Va optimizer.lr \./.Va optimizer.rate ./' '/^\.Cm lion \.$/d' 's/in \[0, 1\]/in [0, 2]/' \
        's/^\.It Va eval_skip/.It Va eval_omit/'; do
        sed "$change" "$page" >changed
        not cmp -s changed "$page" || { echo "$change changes nothing"; return 1; }
        fill changed | cmp - "$page"
    done
    sed 's/^It may be a fraction\.$/Even half of one./' "$page" >changed # behind the mark
    fill changed | cmp - changed
    sed 's/^\.It Fl -warmup .*/.It Fl -heating Ar EPOCHS/' "$page" >changed
    fill changed 2>&1 >filled | grep -q "no option or key '-heating'"
    sed 's/^\.Sh KEYS/.Sh LOCKS/' "$page" >changed
    not fill changed >filled
}

@test "keys of JSON are in the pages" {
    grep -qx '.Va optimizer.weight_decay .' "$man/man1/nt-finetune.1"
    grep -qx '.It Va ema.period' "$man/man1/nt-finetune.1"
    grep -qx '.Va budget.time_s .' "$man/man1/nt-optimize.1"
    grep -qx '.It Va export.kwargs.precision' "$man/man1/nt-optimize.1"
}

@test "--dump-options names the same options" {
    for t in $tools; do
        diff <(options_of_help "$t" | grep -oE -- '--[a-z-]+' | sort) \
            <(sed -E 's/^([a-z-]+).*/--\1/' "$BATS_FILE_TMPDIR/$t.dump" | sort)
    done
}

@test "the usage line's options are in the synopsis" {
    for t in $tools; do
        sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$man/man1/$t.1" >synopsis
        for o in $(sed -n '1s/^usage: [a-z-]*//p' "$BATS_FILE_TMPDIR/$t.help" | grep -oE -- '--?[a-z][a-z-]*'); do
            short=$(options_of_help "$t" | sed -n "s/^-\([a-z]\) $o\( .*\)\{0,1\}$/\1/p")
            grep -qE -- "Fl (${o#-}${short:+|$short})( |\$)" synopsis || { echo "$t: $o"; return 1; }
        done
    done
}

@test "pages are well formed" {
    command -v mandoc >/dev/null || skip "no mandoc"
    for f in "$man"/man*/*; do # what else is installed is no fault of a page
        mandoc -Tlint "$f" 2>/dev/null | not grep -v 'referenced manual not found'
    done
}

@test "pages refer to pages that there are" {
    for x in $(sed -n 's/^\.Xr \(nt-[a-z-]*\) \([15]\).*/\1.\2/p' "$man"/man*/* | sort -u); do
        ls "$man"/man*/"$x"
    done
}

# complete WORD...: what bash would offer for the last word
complete_words()
{
    bash -c '. "$1"; shift
             COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
             _nt; printf "%s\n" "${COMPREPLY[@]}"' - "$NT_ROOT/share/completions/nt.bash" "$@"
}

@test "completion offers options, their values, networks and files" {
    complete_words nt-prune --cri | grep -qx -- --criterion
    [ "$(complete_words nt-prune --criterion = ta)" = taylor ]
    [ "$(complete_words nt-run --device g)" = gpu ]
    [ "$(complete_words nt-finetune --optimizer '' | xargs)" = "sgd adam adamw rmsprop adagrad adadelta nadam radam lion" ]
    [ "$(complete_words nt-finetune --scheduler on)" = onecycle ]
    [ "$(complete_words nt-finetune --metric = t)" = top5 ]
    [ "$(complete_words nt-export --format d)" = dlrt ]
    complete_words nt-zoo resnet2 | grep -qx resnet20
    touch net.nt
    [ "$(complete_words nt-info ne)" = net.nt ]
    [ -z "$(complete_words nt-run --time 1)" ]
}

@test "completion is registered for every tool" {
    for t in $tools; do
        bash -c '. "$1"; complete -p "$2"' - "$NT_ROOT/share/completions/nt.bash" "$t"
    done
}
