# SPDX-License-Identifier: MIT
# Measurements as lines "ROW WHO VALUE" with tabs between to a table: of each row the best of nt beside
# the best of its peer, then all medians with their spread; last the geometric means over the rows that
# differ in their first word alone (networks). Where a row ends in ms or MB less is better, and nt is
# held against its peer in the same precision. Counts of medians and failures go to standard error.

function middle(list,   v, n, i, j, t)
{
    n = split(list, v, " ")
    for (i = 2; i <= n; i++) # by value
        for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    low = v[1]; high = v[n]
    return v[int((n + 1) / 2)]
}

function better(a, b, less) { return !b || (less ? a < b : a > b) ? a : b }

# by how much nt takes longer (or more)
function compare(row, ratio,   group)
{
    group = row
    sub(/^[^ ]+ /, "", group)
    if (!(group in n_rows)) groups[++n_groups] = group
    n_rows[group]++; logs[group] += log(ratio)
    if (ratio > worst[group]) { worst[group] = ratio; worst_row[group] = row }
}

function row_of(row,   n, w, i, m, less, ours, theirs, lines, verdict)
{
    n = split(substr(who[row], 2), w, "\t")
    less = row ~ /, (ms|MB)$/
    ours = theirs = 0
    for (i = 1; i <= n; i++) {
        if (bad[row, w[i]]) { lines = lines sprintf("    %-22s failed\n", w[i]); failed++; continue }
        m = middle(values[row, w[i]]); good++
        lines = lines sprintf("    %-22s %10.3f  (%.3f to %.3f)\n", w[i], m, low, high)
        if (w[i] !~ /^nt/) theirs = better(m, theirs, less)
        else if (!less || w[i] !~ /bf16/) ours = better(m, ours, less)
    }
    if (ours && theirs) {
        compare(row, less ? ours / theirs : theirs / ours)
        verdict = sprintf(": nt %.3f, its peer %.3f, ", ours, theirs)
        verdict = verdict (row ~ /, MB$/ ? sprintf("%.2f times as much", ours / theirs) : \
            sprintf("%.2f times as fast", less ? theirs / ours : ours / theirs))
    }
    printf "%s%s\n%s", row, verdict, lines
}

BEGIN { FS = "\t" }
!($1 in who) { order[++rows] = $1 }
!(($1, $2) in have) { have[$1, $2]; who[$1] = who[$1] "\t" $2 }
$3 + 0 <= 0 { bad[$1, $2] = 1; next }
{ values[$1, $2] = values[$1, $2] " " $3 }

END {
    for (r = 1; r <= rows; r++) row_of(order[r])
    for (i = 1; i <= n_groups; i++) {
        g = groups[i]
        if (n_rows[g] == 1) continue
        if (g ~ /^batch .* ms$/) { all += logs[g]; n_all += n_rows[g]; n_latency++ }
        printf "%s: nt takes %.3f of its peer in the geometric mean of %d, at worst %.3f (%s)\n", \
            g, exp(logs[g] / n_rows[g]), n_rows[g], worst[g], worst_row[g]
    }
    if (n_latency > 1) printf "all batches and threads: %.3f in the geometric mean of %d\n", exp(all / n_all), n_all
    print good + 0, failed + 0 >"/dev/stderr"
}
