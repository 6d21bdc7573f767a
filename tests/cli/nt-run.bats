#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

# zeros SHAPE COUNT: a .npy file of float32 on standard output
zeros()
{
    printf '\x93NUMPY\1\0\x76\0%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': $1, }"
    head -c $(($2 * 4)) /dev/zero
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    nt-zoo mlp --input 1x4x4 --classes 3 -o a.nt
    zeros '(2, 1, 4, 4)' 32 >x.npy
}

@test "given tensors are run, and the outputs compared" {
    nt-run a.nt -i x.npy -o out
    nt-run a.nt -i input=x.npy --expect output=out/output.npy
    nt-run a.nt -i x.npy --expect out/output.npy --rtol 0 --atol 0
}

@test "an output that differs is status 3, with the difference" {
    zeros '(2, 3)' 6 >want.npy
    nt-zoo mlp --input 1x4x4 --classes 3 --seed 1 -o b.nt
    nt-run b.nt --random --batch-size 2 -o out
    run nt-run a.nt --random --batch-size 2 --expect out/output.npy
    [ "$status" -eq 3 ]
    [[ "$output" == *"output: "*" of 6 elements differ; worst at "* ]]
    nt-run a.nt --random --batch-size 2 --expect out/output.npy --atol 1e6
}

@test "an expectation that cannot be compared leaves no outputs; one that differs does" {
    head -c 100 x.npy >cut.npy
    refuses 1 "cut.npy" nt-run a.nt -i x.npy --expect cut.npy -o out
    refuses 1 "missing.npy" nt-run a.nt -i x.npy --expect missing.npy -o out
    refuses 2 "no output 'y'" nt-run a.nt -i x.npy --expect y=x.npy -o out
    refuses 3 "expected float32 [2,1,4,4]" nt-run a.nt -i x.npy --expect x.npy -o out
    [ ! -e out ]
    zeros '(2, 3)' 6 >want.npy
    run nt-run a.nt --random --batch-size 2 --expect want.npy -o out
    [ "$status" -eq 3 ]
    [ -s out/output.npy ]
}

@test "the seed decides random inputs" {
    nt-run a.nt --random -o out
    nt-run a.nt --random --seed 0 --expect out/output.npy --rtol 0 --atol 0
    run nt-run a.nt --random --seed 1 --expect out/output.npy
    [ "$status" -eq 3 ]
}

@test "both kernel libraries agree" {
    nt-zoo resnet8 -o r.nt
    NT_BACKEND=openblas nt-run r.nt --random --batch-size 3 -o out
    nt-run r.nt --random --batch-size 3 --expect out/output.npy
}

@test "--time reports the median between minimum and maximum" {
    nt-run a.nt --random --time 5 --json >out.json
    awk -F '[:,]' '/execution_time_ms/ { m = $2 } /_min_ms/ { a = $2 } /_max_ms/ { b = $2 }
        END { exit !(0 < a && a <= m && m <= b) }' out.json
}

@test "bad usage is one line and status 2" {
    refuses 2 "'many' is not an integer" nt-run a.nt --random --time many
    refuses 2 "--rtol" nt-run a.nt --random --rtol -1
    refuses 2 "nosuch" nt-run a.nt -i nosuch=x.npy
}

@test "bad input is one line, status 1 or 2, and leaves nothing" {
    zeros '(2, 1, 4, 5)' 40 >wide.npy
    head -c 100 x.npy >cut.npy
    head -c 200 x.npy >short.npy
    for f in wide cut short missing; do
        run nt-run a.nt -i $f.npy -o out
        echo "$f: status $status, $output"
        [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ "$output" == *$f* ]] || [ $f = wide ]
        [ ! -e out ]
    done
    run nt-run a.nt
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "--tolerance lets bf16 in, where outputs stay within it" {
    nt-zoo resnet8 -o r.nt
    nt-run r.nt --random -o out
    nt-run r.nt --random --tolerance 1e-6 --expect out/output.npy --rtol 0 --atol 0
    nt-run r.nt --random --tolerance 0.5 --expect out/output.npy --rtol 0.1 --atol 0.1
    refuses 2 "--tolerance goes with --precision auto" \
        nt-run r.nt --random --tolerance 0.1 --precision fp32
    refuses 2 "tolerance" nt-run r.nt --random --tolerance -1
}
