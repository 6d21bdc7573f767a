#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What comes in: files that someone added to an archive, compressed archives, input without an end.
load helpers

# The tools that read a model and write one, with what they want besides.
writers=("nt-import" "nt-fuse-bn" "nt-prune -s 0.25" "nt-prune -s 0.25 --shrink" "nt-shrink"
    "nt-quantize --bits 8/32" "nt-quantize --bits 8/8 --data idx:data --calibrate 20"
    "nt-finetune --data idx:data --steps 1 --threads 1")
readers=("nt-info" "nt-profile --threads 1 --runs 1" "nt-run --random --threads 1"
    "nt-eval --threads 1 --data idx:data")

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo resnet8 --input 1x8x8 -o a.nt
}

# A model and a note of two lines in a folder, as people add them.
with_notes()
{
    mkdir -p notes
    printf 'found by hand\nkeep this\n' >notes/why.txt
    cp a.nt n.nt
    tar rf n.nt notes
}

@test "files that someone added go through every tool, and the next manifest names them" {
    with_notes
    for w in "${writers[@]}"; do
        echo "$w"
        $w n.nt -o b.nt
        tar xOf b.nt notes/why.txt | cmp - notes/why.txt
        tar xOf b.nt manifest.json | grep -q '"notes/why.txt"'
        $w a.nt -o c.nt
        [ "$(tar xOf b.nt model.onnx | sha256sum)" = "$(tar xOf c.nt model.onnx | sha256sum)" ]
    done
    for r in "${readers[@]}"; do
        $r n.nt >/dev/null
    done
}

@test "--verify says which members no hash speaks for" {
    with_notes
    nt-info --verify n.nt >out 2>err
    [ "$(cat err)" = "nt-info: warning: n.nt: member 'notes/why.txt' is not in the manifest: no hash to verify it by" ]
    grep -qx 'unlisted notes/why.txt (24 bytes, not in the manifest)' out
    nt-info --json n.nt | tr -d ' \n' | grep -q '"unlisted_members":\["notes/why.txt"\]'
    nt-import n.nt -o named.nt
    nt-info --verify named.nt >out 2>err
    [ ! -s err ]
    not grep -q unlisted out
    nt-info --verify <named.nt | cmp - out
}

@test "a member that is damaged is found by --verify in an archive with notes, too" {
    with_notes
    nt-import n.nt -o named.nt
    sed 's/found by hand/found by luck/' named.nt >bad.nt
    refuses 1 "member 'notes/why.txt': its SHA-256 is not the one in the manifest" nt-info --verify bad.nt
}

@test "what may not be added is refused" {
    mkdir -p masks
    echo x >masks/conv.npy
    cp a.nt m.nt
    tar rf m.nt masks/conv.npy
    refuses 1 "member 'masks/conv.npy' is not in the manifest" nt-shrink m.nt -o x.nt
    tar xf a.nt model.onnx
    cp a.nt twice.nt
    tar rf twice.nt model.onnx
    refuses 1 "member 'model.onnx' appears twice" nt-shrink twice.nt -o x.nt
    ln -s /etc/passwd link
    cp a.nt l.nt
    tar rf l.nt link
    refuses 1 "member 'link' is not a regular file" nt-shrink l.nt -o x.nt
    cp a.nt up.nt
    tar rPf up.nt ../"${PWD##*/}"/link --dereference
    refuses 1 "not a plain path inside the archive" nt-shrink up.nt -o x.nt
    [ ! -e x.nt ]
}

@test "a compressed archive gives what the plain one gives, byte for byte" {
    with_notes
    gzip -c n.nt >n.nt.gz
    zstd -qc n.nt >n.nt.zst
    for w in "${writers[@]}" "nt-export -f onnx" "nt-export -f onnx --precision fp16"; do
        echo "$w"
        $w n.nt -o want
        for packed in n.nt.gz n.nt.zst; do
            $w $packed -o got
            cmp want got
            $w <$packed >got
            cmp want got
        done
    done
    nt-info n.nt | grep -v '^bytes' >want
    nt-info n.nt.gz | grep -v '^bytes' | cmp - want
    nt-info n.nt.gz | grep -qx "bytes    $(wc -c <n.nt.gz)"
}

@test "input without an end is refused at its beginning, by every tool and wherever it comes from" {
    limit_memory 4000000
    for t in "${writers[@]}" "${readers[@]}" "nt-export -f onnx" "nt-diff a.nt" "nt-finetune --data idx:data a.nt --teacher"; do
        echo "$t"
        refuses 1 "/dev/zero: not an ONNX file, or damaged" timeout 20 $t /dev/zero
        case $t in nt-diff* | *teacher) continue ;; esac
        refuses 1 "standard input: not an ONNX file, or damaged" timeout 20 $t - < <(yes)
    done
}

@test "what goes on after a model has ended is refused" {
    limit_memory 4000000
    nt-export a.nt -o a.onnx
    refuses 1 "goes on for more than 1048576 bytes after its end" timeout 20 nt-info < <(cat a.nt /dev/zero)
    refuses 1 "goes on for more than" timeout 20 nt-info < <(cat a.nt /dev/zero | gzip -c)
    refuses 1 "goes on for more than" timeout 20 nt-info < <(cat a.nt /dev/zero | zstd -qc)
    refuses 1 "no tar in what is compressed" timeout 20 nt-info < <(gzip -c /dev/zero)
    refuses 1 "not an ONNX file, or damaged" timeout 20 nt-info < <(cat a.onnx /dev/zero)
    refuses 1 "not an ONNX file, or damaged" timeout 20 nt-info < <(cat a.onnx; yes)
    truncate -s 1T huge
    refuses 1 "huge: not an ONNX file, or damaged" timeout 20 nt-info huge
}

@test "tensors, settings and data without an end are refused at their beginning" {
    limit_memory 4000000
    ln -s /dev/zero z.npy
    ln -s /dev/zero z.npz
    ln -s /dev/zero z.pb
    refuses 1 "nt-run: z.npy: not a .npy file" timeout 20 nt-run a.nt -i z.npy
    refuses 1 "z.npz: not a .npz file" timeout 20 nt-run a.nt -i z.npz
    refuses 1 "z.pb: not an ONNX file, or damaged" timeout 20 nt-run a.nt -i z.pb
    refuses 2 "/dev/zero: want a .npy, .npz or .pb file" timeout 20 nt-run a.nt -i /dev/zero
    nt-run a.nt --random --threads 1 -o out
    mkfifo tail.npy
    cat out/output.npy /dev/zero >tail.npy 2>/dev/null &
    refuses 1 "bytes too many" timeout 20 nt-run a.nt --random --expect tail.npy
    refuses 1 "/dev/zero: holds a NUL, which JSON never does" timeout 20 nt-prune --config /dev/zero a.nt -o x.nt
    refuses 1 "/dev/zero: holds a NUL" timeout 20 nt-prune --plan /dev/zero a.nt -o x.nt
    refuses 2 "/dev/zero: holds a NUL" timeout 20 nt-eval --data /dev/zero a.nt
    mkdir zero
    ln -s /dev/zero zero/t10k-images-idx3-ubyte
    ln -s /dev/zero zero/t10k-labels-idx1-ubyte
    refuses 1 "zero/t10k-labels-idx1-ubyte: begins with 00000000, want 00000801" timeout 20 nt-eval --data idx:zero a.nt
    ln -s /dev/zero zero/test.tar
    refuses 1 "zero/test.tar" timeout 20 nt-eval --data folder:zero a.nt
    [ ! -e x.nt ]
}
