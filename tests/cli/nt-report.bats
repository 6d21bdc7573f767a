#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

# A finished job, made once; each test has a copy.
setup_file()
{
    cd "$BATS_FILE_TMPDIR" || return 1
    small_data
    nt-zoo mlp --input 1x8x8 | nt-finetune --data idx:data --epochs 20 --lr 0.05 --momentum 0.9 \
        --threads 1 -o ref.nt
    echo '{"model": "ref.nt", "data": "idx:data", "delta": 90, "budget": {"steps": 3}}' >job.json
    nt-optimize --threads 1 -q job.json --job-dir job
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -r "$BATS_FILE_TMPDIR/job" job
}

# Every element that is opened is closed, in order.
is_well_formed()
{
    grep -oE '<[^!][^>]*>' "$1" | awk '
        /^<(meta|rect|circle|path)[ >]/ && (/\/>$/ || /^<meta/) { next }
        /^<\// { t = $0; gsub(/[<\/>]/, "", t)
                 if (n == 0 || open[n] != t) { print NR ": </" t "> closes <" open[n] ">"; bad = 1; exit 1 }
                 n--; next }
        { t = $1; gsub(/[<>]/, "", t); open[++n] = t }
        END { exit bad || n }'
}

@test "nt-optimize leaves the page that nt-report writes" {
    [ -s job/report.html ]
    nt-report job | cmp - job/report.html
    nt-report job/ -o page.html
    cmp page.html job/report.html
}

@test "the page is whole, and needs nothing else" {
    head -n 1 job/report.html | grep -qx '<!DOCTYPE html>'
    tail -n 1 job/report.html | grep -qx '</html>'
    is_well_formed job/report.html
    not grep -qiE '<script|<link|<img|<iframe|https?:|src=|@import|url\(' job/report.html
}

@test "every candidate is in all pictures and in the table" {
    n=$(grep -c '"move"' job/metrics.json)
    [ "$n" -gt 0 ]
    for id in $(grep -oE '"id": "[0-9a-f]+"' job/metrics.json | cut -d '"' -f 4); do
        [ "$(grep -c "<title>$id, " job/report.html)" = 3 ]
        grep -q "<td>$id</td>" job/report.html
    done
    [ "$(grep -c '<svg class="chart"' job/report.html)" = 3 ]
    [ "$(grep -c 'class="ring"' job/report.html)" = 3 ]
    grep -q '<td>fc1</td><td>Gemm</td><td>\[128,64\]' job/report.html
}

@test "the commands that made the result stand on the page, and so does its history" {
    best=$(grep -oE '"best": "[0-9a-f]+"' job/metrics.json | cut -d '"' -f 4)
    grep -q "^nt-.* -o candidates/$best.nt$" job/report.html
    grep -q '^nt-import -q candidates/.* -o opt_model.nt$' job/report.html
    grep -qE '(^|<pre>)history  nt-shrink' job/report.html
    rm job/job.log job/ref_model.json job/candidates/*.json # what is not there is left out
    nt-report job -o page.html
    not grep -q ' -o opt_model.nt$' page.html
    is_well_formed page.html
}

@test "--format md has the same in tables" {
    nt-report --format md job -o page.md
    grep -q '^# Compression: job ' page.md
    for id in $(grep -oE '"id": "[0-9a-f]+"' job/metrics.json | cut -d '"' -f 4); do
        grep -qE "^\| [0-9]+( \(the result\))? \| $id \| " page.md
    done
    grep -qE '^\| fc1 \| Gemm \| .*128,64' page.md
    not grep -qE '<(td|svg|p|h1)' page.md
    # each row of a table has as many cells as its rule
    awk -F '[^\\\\][|]' '/^\|-/ { n = gsub(/\|/, "|") - 1 }
        /^\| / && before ~ /^\|/ && n && NF != n + 1 { print "cells: " NF - 1 ", want " n ": " $0; bad = 1 }
        { if (!/^\|/) n = 0; before = $0 } END { exit bad }' page.md
    sed -i 's/"eval_key": "accuracy"/"eval_key": "a|b<c>"/' job/metrics.json
    nt-report --format md job | grep -qF "| a\\|b\\<c\\> on 'test' |"
}

# Its own width and that of the room it has, at each of three: "400 400", once a line.
widths()
{
    {
        echo '<body>'
        for w in 400 1100 1600; do
            echo "<iframe src=\"$1\" style=\"width:${w}px;height:900px;border:0\"></iframe>"
        done
        echo '<script>onload = () => { document.body.textContent = [...document.querySelectorAll("iframe")]
            .map(f => "width " + f.contentDocument.scrollingElement.scrollWidth + " " +
                 f.contentWindow.innerWidth).join("\n") }</script>'
    } >frames.html
    timeout 120 chromium --headless --no-sandbox --disable-gpu --allow-file-access-from-files \
        --user-data-dir="$PWD/browser" --dump-dom "file://$PWD/frames.html" 2>browser.log |
        grep -oE 'width [0-9]+ [0-9]+'
}

@test "at 400, 1100 and 1600 pixels nothing sticks out of the page" {
    command -v chromium >/dev/null || skip "no chromium"
    long=$(printf 'long_name_%.0s' {1..20})
    sed -i "s/\"fc1\"/\"$long\"/g" job/metrics.json
    nt-report job -o page.html
    widths page.html >widths
    cat widths browser.log
    [ "$(cut -d ' ' -f 3 widths | xargs)" = "400 1100 1600" ]
    awk '$2 > $3 { bad = 1 } END { exit bad }' widths
    echo '<div style="width:2000px">x</div>' >>page.html # it would be seen
    widths page.html | awk '$2 > $3 { bad = 1 } END { exit !bad }'
}

@test "names from outside are text and nothing else" {
    sed -i 's|"eval_key": "accuracy"|"eval_key": "a<b>\&\\"c"|' job/metrics.json
    nt-report job -o page.html
    grep -q 'a&lt;b&gt;&amp;&quot;c' page.html
    not grep -q 'a<b>' page.html
    is_well_formed page.html
}

@test "a job that found nothing, and a dry run, say so" {
    sed 's/"best": "[0-9a-f]*"/"best": "reference"/' -i job/metrics.json
    nt-report job | grep -q 'Nothing smaller than the reference keeps accuracy'
    sed 's/"dryrun": false/"dryrun": true/' -i job/metrics.json
    nt-report job | grep -q 'A dry run'
}

@test "make in the folder writes the page again" {
    cp job/report.html want.html
    rm job/report.html
    PATH=/usr/bin:/bin make -s -C job
    cmp job/report.html want.html
}

@test "bad usage is one line and status 2" {
    refuses 2 "one job folder is wanted" nt-report
    refuses 2 "one job folder is wanted" nt-report job job
    refuses 2 "--pictures" nt-report --pictures job
    refuses 2 "is not one of html, md" nt-report --format pdf job
}

@test "a folder that is no finished job's is one line, and leaves nothing" {
    refuses 1 "nowhere/metrics.json" nt-report nowhere -o page.html
    rm job/opt_model.nt
    refuses 1 "job/opt_model.nt" nt-report job -o page.html
    echo '{}' >job/metrics.json
    cp "$BATS_FILE_TMPDIR/job/opt_model.nt" job
    refuses 1 "job: not the metrics of a finished job" nt-report job -o page.html
    echo '{' >job/metrics.json
    refuses 1 "job/metrics.json: " nt-report job -o page.html
    [ ! -e page.html ]
}
