# SPDX-License-Identifier: MIT
# What the suites outside of make check share; sourced. A suite calls check for each test and
# finish at its end. It works in $work, an empty folder that goes with it.

NT_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NT_BIN=$(cd "${NT_BIN:-$NT_TOP/build/bin}" 2>/dev/null && pwd) || NT_BIN=''
export NT_BIN
PATH=${NT_BIN:+$NT_BIN:}$PATH
export LC_ALL=C
passed=0 failed=0 skipped=0
python='' why='' # what find_python found, why find_ort did not
export python why

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The text between the shebang's comment and the first command is the help: usage SCRIPT
usage()
{
    sed -n '3,/^[^#]/ s/^# \{0,1\}//p' "$1"
}

# check NAME COMMAND...: one test; what the command says is shown if it fails.
check()
{
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        tail -n 20 "$work/said" | cut -c 1-300 | sed 's/^/  /'
    fi
}

# skip WHAT WHY
skip()
{
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

# The last line and the exit status of a suite.
finish()
{
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

# need TOOL...: without the tools there is nothing to test
need()
{
    local t
    for t; do
        command -v "$t" >/dev/null || { echo "$0: $t is not built (make first)" >&2; exit 2; }
    done
}

# find_python MODULE...: a Python that has them all goes to $python
find_python()
{
    local p modules=$*
    for p in "${NT_PYTHON-}" python3 /usr/bin/python3; do
        [ -n "$p" ] && "$p" -c "import ${modules// /, }" 2>/dev/null && python=$p && return
    done
    return 1
}

# ONNX Runtime's node package is put below build/peers once; $NODE_PATH has it for require().
find_ort()
{
    local dir=${NT_PEERS:-$NT_TOP/build/peers} version=1.30.0

    command -v node >/dev/null || { why="node is not installed"; return 1; }
    export NODE_PATH=$dir/node_modules
    node -e 'require("onnxruntime-node")' 2>/dev/null && return
    command -v npm >/dev/null || { why="npm is not installed"; return 1; }
    mkdir -p "$dir" && npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" \
        "onnxruntime-node@$version" >"$work/npm" 2>&1
    node -e 'require("onnxruntime-node")' 2>"$work/npm.err" && return
    why="npm install onnxruntime-node failed: $(cat "$work/npm" "$work/npm.err" | grep -m 1 .)"
    return 1
}

# json FILE PATH: a member of a JSON file, 'metrics.accuracy'
json()
{
    node -e 'let v = JSON.parse(require("fs").readFileSync(process.argv[1]));
             for (const k of process.argv[2].split(".")) v = v[k];
             console.log(typeof v == "object" ? JSON.stringify(v) : v)' "$1" "$2"
}
