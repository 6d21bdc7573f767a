// SPDX-License-Identifier: MIT
// describe.js MODEL.onnx: its opset and how many nodes of how many operators it has, those of
// subgraphs and functions counted, read without nt: "opset 13, 65 nodes, 9 operators". With -l
// the operators and their numbers, too. The numbers of fields are those of onnx.proto.
const fs = require('fs');
const { all, first } = require('../onnx.js');
const MODEL = { graph: 7, opsets: 8, functions: 25 };
const GRAPH = { node: 1 }, FUNCTION = { node: 7 };
const NODE = { op: 4, attribute: 5, domain: 7 }, ATTRIBUTE = { g: 6, graphs: 11 };
const OPSET = { domain: 1, version: 2 };

function count(nodes, found) {
    for (const n of nodes) {
        const domain = String(first(n, NODE.domain) || ''), op = String(first(n, NODE.op));
        const name = domain ? `${domain}.${op}` : op;
        found.set(name, (found.get(name) || 0) + 1);
        for (const a of all(n, NODE.attribute))
            for (const g of [...all(a, ATTRIBUTE.g), ...all(a, ATTRIBUTE.graphs)])
                count(all(g, GRAPH.node), found);
    }
    return found;
}

const [path] = process.argv.slice(2).filter(a => a != '-l');
const model = fs.readFileSync(path), found = count(all(first(model, MODEL.graph), GRAPH.node), new Map());
for (const f of all(model, MODEL.functions)) count(all(f, FUNCTION.node), found);
const standard = all(model, MODEL.opsets).find(o => ['', 'ai.onnx'].includes(String(first(o, OPSET.domain) || '')));
const nodes = [...found.values()].reduce((a, b) => a + b, 0);
console.log(`opset ${first(standard, OPSET.version)}, ${nodes} nodes, ${found.size} operators`);
if (process.argv.includes('-l'))
    for (const [op, n] of [...found].sort((a, b) => b[1] - a[1])) console.log(`${op} ${n}`);
