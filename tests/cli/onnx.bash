# SPDX-License-Identifier: MIT
# onnx <TEXT >MODEL: a small ONNX file of opset 13 from lines of
#
#     input x N 3 4 4                       a word is a symbol
#     const w 4 3 1 1 = 0.5 -1 ...          float32; fewer numbers are repeated
#     node Conv x w -> y                    then, for its attributes:
#     ints perm 0 3 1 2
#     output y N 4 4 4
#
# Protocol buffers are keys (field number times 8 plus kind), numbers of 7 bits a byte, and
# lengths before their bytes; the fields are those of onnx.proto. Bytes are kept as numbers.
onnx()
{
    awk '
    function number(v,  s) {
        for (; v > 127; v = int(v / 128)) s = s (v % 128 + 128) " "
        return s v " "
    }
    function int_field(f, v) { return number(f * 8) number(v) }
    function bytes_field(f, b,  t) { return number(f * 8 + 2) number(split(b, t, " ")) b }
    function text_field(f, s,  b, i) {
        for (i = 1; i <= length(s); i++) b = b code[substr(s, i, 1)] " "
        return bytes_field(f, b)
    }
    function real(x,  e, b, s, k, neg) {
        neg = x < 0; if (neg) x = -x
        if (x > 0) {
            for (e = 127; x >= 2; e++) x /= 2
            for (; x < 1; e--) x *= 2
            b = neg * 2147483648 + e * 8388608 + int((x - 1) * 8388608)
        }
        for (k = 0; k < 4; k++) { s = s (b % 256) " "; b = int(b / 256) }
        return s
    }
    function value(f, i, dims) {
        for (i = 3; i <= NF; i++)
            dims = dims bytes_field(1, $i ~ /^[0-9]+$/ ? int_field(1, $i) : text_field(2, $i))
        return bytes_field(f, text_field(1, $2) \
            bytes_field(2, bytes_field(1, int_field(1, 1) bytes_field(2, dims))))
    }
    function flush() { if (node != "") graph = graph bytes_field(1, node); node = "" }
    BEGIN { for (i = 32; i < 127; i++) code[sprintf("%c", i)] = i }
    { if ($1 != "ints") flush() }
    $1 == "input" { graph = graph value(11) }
    $1 == "output" { graph = graph value(12) }
    $1 == "const" {
        dims = ""; n = 1
        for (i = 3; $i != "="; i++) { dims = dims int_field(1, $i); n *= $i }
        raw = ""
        for (k = 0; k < n; k++) raw = raw real($(i + 1 + k % (NF - i)))
        graph = graph bytes_field(5, dims int_field(2, 1) text_field(8, $2) bytes_field(9, raw))
    }
    $1 == "node" {
        for (i = 3; $i != "->"; i++) node = node text_field(1, $i)
        for (i++; i <= NF; i++) node = node text_field(2, $i)
        node = node text_field(4, $2)
    }
    $1 == "ints" {
        ints = text_field(1, $2)
        for (i = 3; i <= NF; i++) ints = ints int_field(8, $i)
        node = node bytes_field(5, ints int_field(20, 7))
    }
    END {
        flush()
        all = int_field(1, 8) bytes_field(7, graph) bytes_field(8, int_field(2, 13))
        gsub(" ", "\n", all)
        printf "%s", all
    }' | to_bytes
}
