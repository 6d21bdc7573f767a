#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    nt-zoo resnet8 | nt-export -o in.onnx
}

@test "an ONNX file becomes an archive that gives the same outputs" {
    nt-import in.onnx -o a.nt
    tar tf a.nt | cmp - <(printf 'manifest.json\nmodel.onnx\n')
    nt-run in.onnx --random --threads 1 -o out
    nt-run a.nt --random --threads 1 --expect out/output.npy
}

@test "model.onnx in the archive is an ONNX model of its own" {
    nt-import in.onnx -o a.nt
    tar xOf a.nt model.onnx >b.onnx
    nt-run in.onnx --random --threads 1 -o out
    nt-run b.onnx --random --threads 1 --expect out/output.npy
}

@test "compressed archives are read" {
    nt-import in.onnx -o a.nt
    gzip -k a.nt
    nt-info --verify a.nt.gz | tail -n +3 | cmp - <(nt-info a.nt | tail -n +3) # but digest and size
}

@test "a model of opset 3 becomes one of opset 9 that computes the same" {
    # ImageScaler, and an Add with broadcast and axis
    base64 -d >old.onnx <<'EOF'
CAMSADrNAQo5CgF4EgFzIgtJbWFnZVNjYWxlcioTCgRiaWFzPQAAgD89AACAv6ABBioPCgVzY2FsZRUAAAA/oAEBCi0KAXMKAWIS
AXkiA0FkZCoLCgRheGlzGAGgAQIqEAoJYnJvYWRjYXN0GAGgAQISA29sZCoRCAIQAUIBYkoIAAAAAAAAIEFaGwoBeBIWChQIARIQ
CgIIAQoCCAIKAggBCgIIA1oPCgFiEgoKCAgBEgQKAggCYhsKAXkSFgoUCAESEAoCCAEKAggCCgIIAQoCCANCBAoAEAM=
EOF
    nt-info old.onnx | grep -qx 'opset    9 (IR version 4), raised from 3'
    nt-info --ops old.onnx | grep -Eq '^Add +7-26 +2 +yes'
    nt-import old.onnx -o new.nt
    nt-info new.nt | grep -qx 'opset    9 (IR version 4)'
    nt-run old.onnx --random --threads 1 -o out
    nt-run new.nt --random --threads 1 --expect out/y.npy
    nt-export new.nt -f onnx --verify -o new.onnx
    ! grep -aq 'ImageScaler\|broadcast' new.onnx || false
}

@test "the task is recorded" {
    nt-import --task segmentation in.onnx | nt-info | grep -qx 'task     segmentation'
    nt-import in.onnx | nt-info | grep -qx 'task     classification'
}

@test "a task that nobody knows is refused" {
    refuses 2 "'poetry' is not one of" nt-import --task poetry in.onnx -o a.nt
    [ ! -e a.nt ]
}

@test "members that nt does not know are carried through" {
    nt-import in.onnx -o a.nt
    mkdir x
    tar xf a.nt -C x
    echo hello >x/notes.txt
    sum=$(sha256sum <x/notes.txt | cut -d ' ' -f 1)
    sed -i "s/\"members\": {/&\"notes.txt\": {\"size\": 6, \"sha256\": \"$sum\"},/" x/manifest.json
    tar cf b.nt -C x manifest.json model.onnx notes.txt
    nt-fuse-bn b.nt -o c.nt
    [ "$(tar xOf c.nt notes.txt)" = hello ]
    nt-info --verify c.nt >/dev/null
}

@test "an archive of a newer format is refused with both versions named" {
    nt-import in.onnx -o a.nt
    mkdir x
    tar xf a.nt -C x
    sed -i 's/"format": 1/"format": 7/' x/manifest.json
    tar cf b.nt -C x manifest.json model.onnx
    refuses 1 "format 7" nt-info b.nt
    [[ "$output" == *1* ]]
}

@test "a manifest that does not tell the truth is refused" {
    nt-import in.onnx -o a.nt
    mkdir x
    tar xf a.nt -C x
    echo '{' >x/manifest.json
    tar cf b.nt -C x manifest.json model.onnx
    refuses 1 "manifest.json" nt-info b.nt
    tar cf c.nt -C x model.onnx
    refuses 1 "manifest.json" nt-info c.nt
}

@test "-v tells what is frozen, and nothing without it" {
    nt-import -v in.onnx -o a.nt 2>notes
    grep -qx 'nt-import: note: frozen 1 of 10 layers' notes
    grep -qx 'nt-import: note: frozen: fc (graph output)' notes
    nt-import in.onnx -o b.nt 2>notes
    [ ! -s notes ]
    cmp a.nt b.nt
}

@test "-v tells what was folded and inlined" {
    case=/usr/share/libonnx-testdata/data/node/test_layer_normalization_2d_axis0_expanded/model.onnx
    [ -e "$case" ] || skip "no libonnx-testdata"
    nt-import -v "$case" -o a.nt 2>notes
    grep -Eqx 'nt-import: note: folded [0-9]+ nodes' notes
    grep -Eq 'note: folded: .* \(Shape\)$' notes
}
