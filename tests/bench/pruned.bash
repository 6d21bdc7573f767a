# SPDX-License-Identifier: MIT
# Networks with fewer and fewer channels; sourced by run. Each step of 5 % must pay: odd counts of
# channels, which kernels pad or pick other forms for, may not cost more than the larger ones before.

pruned_shares='00 30 35 40 45 50 55 60 65 70'

# put_pruned NAME MODEL: $work/pruned/NAME-SHARE.nt if they are not there
put_pruned()
{
    local share to

    mkdir -p "$work/pruned"
    for share in $pruned_shares; do
        to=$work/pruned/$1-$share.nt
        [ ! -e "$to" ] || continue
        nt-prune -q -s "0.$share" --scope local --criterion l1 "$2" 2>"$work/said" |
            nt-shrink -q -o "$to" 2>>"$work/said" || return
    done
}

# pruned_table: what was noted, a line for each share: the median of the rounds, by how much it is faster
# than the whole network, and how it compares with the share before
pruned_table()
{
    sed -nE 's/^([^ ]+) pruned by ([0-9]+) %, ([^,]*), ms\t[^\t]*\t/\1, \3\t\2\t/p' "$work/measured" |
        sort -t $'\t' -k 1,1 -k 2,2n -k 3,3g | awk -F '\t' '
        function put(   ms) {
            if (!n) return
            ms = v[int((n + 1) / 2)]
            if (row != before) { print row; whole = ms; last = 0 }
            printf "    %2d %% pruned %10.3f ms, %5.2f times as fast as the whole", share, ms, whole / ms
            if (last) printf(", %.3f of the step before%s", ms / last, ms / last > 1.03 ? ": slower" : "")
            print ""
            last = ms; before = row; n = 0
        }
        $1 != row || $2 != share { put(); row = $1; share = $2 }
        { v[++n] = $3 }
        END { put() }'
}

# pruned THREADS...: one image at a time, in fp32; of each round the fastest of RUNS runs
pruned()
{
    local i t entry name model share

    for ((i = 0; i < rounds; i++)); do
        for entry in "${ready[@]}"; do
            read -r name model _ <<<"$entry"
            put_pruned "$name" "$model" || { skip "$name" "$(tail -n 1 "$work/said")"; continue; }
            for t in "$@"; do
                for share in $pruned_shares; do
                    note "$name pruned by $share %, $t thread(s), ms" "nt fp32" \
                        "$(nt_latency "$work/pruned/$name-$share.nt" 1 "$t" fp32 "$runs" min)"
                done
            done
        done
    done
    pruned_table
}
