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

@test "every candidate is in both pictures and in the table" {
    n=$(grep -c '"move"' job/metrics.json)
    [ "$n" -gt 0 ]
    for id in $(grep -oE '"id": "[0-9a-f]+"' job/metrics.json | cut -d '"' -f 4); do
        [ "$(grep -c "<title>$id, " job/report.html)" = 2 ]
        grep -q "<td>$id</td>" job/report.html
    done
    [ "$(grep -c '<svg class="chart"' job/report.html)" = 2 ]
    [ "$(grep -c 'class="ring"' job/report.html)" = 2 ]
    grep -q '<td>fc1</td><td>Gemm</td><td>\[128,64\]</td>' job/report.html
    grep -q '^history  nt-shrink' job/report.html
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
