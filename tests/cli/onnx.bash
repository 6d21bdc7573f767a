# SPDX-License-Identifier: MIT
# onnx [OPSET] <TEXT >MODEL: a small ONNX file, of opset 13 unless told, from lines of
#
#     input x N 3 4 4                       a word is a symbol
#     const w 4 3 1 1 = 0.5 -1 ...          float32; fewer numbers are repeated
#     longs shape 2 = 1 -1                  int64
#     node Conv x w -> y                    then, for its attributes:
#     ints perm 0 3 1 2
#     int axis 1
#     float alpha 0.5
#     word mode edge
#     output y N 4 4 4
#
# Protocol buffers are keys (field number times 8 plus kind), numbers of 7 bits a byte, and
# lengths before their bytes; the fields are those of onnx.proto. Bytes are kept as numbers.
onnx()
{
    awk -v opset="${1:-13}" '
    function number(v,  s) {
        for (; v > 127; v = int(v / 128)) s = s (v % 128 + 128) " "
        return s v " "
    }
    function int_field(f, v) { return number(f * 8) number(v) }
    function bytes_field(f, b,  t) { return number(f * 8 + 2) number(split(b, t, " ")) b }
    function letters(s,  b, i) {
        for (i = 1; i <= length(s); i++) b = b code[substr(s, i, 1)] " "
        return b
    }
    function text_field(f, s) { return bytes_field(f, letters(s)) }
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
    function floor(x) { return int(x) - (x < int(x)) }
    function whole(x,  s, k, b) { # 8 bytes
        for (k = 0; k < 8; k++) { b = floor(x / 256); s = s (x - 256 * b) " "; x = b }
        return s
    }
    function attribute(b, type) { node = node bytes_field(5, text_field(1, $2) b int_field(20, type)) }
    function flush() { if (node != "") graph = graph bytes_field(1, node); node = "" }
    BEGIN { for (i = 32; i < 127; i++) code[sprintf("%c", i)] = i }
    $1 !~ /^(ints|int|float|word)$/ { flush() }
    $1 == "input" { graph = graph value(11) }
    $1 == "output" { graph = graph value(12) }
    $1 == "const" || $1 == "longs" {
        dims = ""; n = 1
        for (i = 3; $i != "="; i++) { dims = dims int_field(1, $i); n *= $i }
        raw = ""
        for (k = 0; k < n; k++) raw = raw ($1 == "const" ? real($(i + 1 + k % (NF - i))) : whole($(i + 1 + k % (NF - i))))
        graph = graph bytes_field(5, dims int_field(2, $1 == "const" ? 1 : 7) text_field(8, $2) bytes_field(9, raw))
    }
    $1 == "node" {
        for (i = 3; $i != "->"; i++) node = node text_field(1, $i == "-" ? "" : $i)
        for (i++; i <= NF; i++) node = node text_field(2, $i)
        node = node text_field(4, $2)
    }
    $1 == "ints" {
        ints = ""
        for (i = 3; i <= NF; i++) ints = ints int_field(8, $i)
        attribute(ints, 7)
    }
    $1 == "int" { attribute(int_field(3, $3), 2) }
    $1 == "float" { attribute(number(2 * 8 + 5) real($3), 1) }
    $1 == "word" { attribute(bytes_field(4, letters($3)), 3) }
    END {
        flush()
        all = int_field(1, 8) bytes_field(7, graph) bytes_field(8, int_field(2, opset))
        gsub(" ", "\n", all)
        printf "%s", all
    }' | to_bytes
}
