# SPDX-License-Identifier: MIT
# What the findings share; sourced. Each works in $work, an empty folder that goes with it.
set -eu
export LC_ALL=C
FINDINGS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
chmod 755 "$work" # for the user that apt downloads as
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$FINDINGS/onnx.js" .

# npm_package NAME@VERSION...: installed below $work, without the scripts that packages bring
npm_package()
{
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" "$@" >npm.log 2>&1 ||
        { cat npm.log >&2; exit 2; }
}

# debian_package NAME=VERSION...: unpacked into $work/root
debian_package()
{
    mkdir -p root debs && chmod 777 debs
    (cd debs && apt-get -qq download "$@") || { echo "apt-get has no $*" >&2; exit 2; }
    for deb in debs/*.deb; do dpkg -x "$deb" root; done
}

# seen WHAT COMMAND...: runs it and fails if it does not say what standard input holds
seen()
{
    local what=$1 want got

    shift
    want=$(cat)
    got=$("$@") || { echo "$what: ended with $?" >&2; exit 1; }
    printf '%s\n%s\n' "$what" "$got"
    [ "$got" = "$want" ] || { printf 'seen before:\n%s\n' "$want" >&2; exit 1; }
}

# compile NAME: NAME.c as ./NAME, with the oneDNN that debian_package unpacked
compile()
{
    local lib

    lib=$work/$(dirname "$(find root -name libdnnl.so | head -n 1)")
    cc -Iroot/usr/include "$1.c" -o "$1" -L"$lib" -Wl,-rpath,"$lib" -ldnnl -lm
}
