// SPDX-License-Identifier: MIT
// ort_accuracy.js DATA MODEL.onnx: the share of pictures that a classifier gets right by ONNX
// Runtime, in per cent. DATA is a folder: Fashion-MNIST's gzipped files, of whose test images a
// model of [N,1,28,28] is asked, or what pictures.py wrote.
// ort_accuracy.js DATA MODEL.onnx OTHER.onnx: of the first 512, the largest difference of the
// two models' outputs, as a share of 1 + the first one's.
// ort_accuracy.js DATA MODEL.onnx ANSWERS: how many pictures get another class than by ANSWERS, a
// folder that has nt-run's output for each file of pictures.py, NNN/NAME.npy.
const fs = require('fs'), path = require('path'), zlib = require('zlib');
const ort = require('onnxruntime-node');
const npy = require('./npy.js');
const [folder, model, other] = process.argv.slice(2);
const MEAN = 0.286, STD = 0.353, SIDE = 28, BATCH = 128;

// The bytes of an idx file of `rank` dimensions, behind its header.
function idx(name, rank) {
    const b = zlib.gunzipSync(fs.readFileSync(`${folder}/${name}`));
    if (b.readUInt32BE(0) != 0x800 + rank) throw new Error(`${name}: is no idx file of rank ${rank}`);
    return b.subarray(4 + 4 * rank);
}

// Pieces of the data, one after the other: {name, x: {data, dims}, labels}.
function* fashion() {
    const images = idx('t10k-images-idx3-ubyte.gz', 3), labels = idx('t10k-labels-idx1-ubyte.gz', 1);
    for (let at = 0; at < labels.length; at += BATCH) {
        const end = Math.min(at + BATCH, labels.length), size = SIDE * SIDE;
        const data = Float32Array.from(images.subarray(at * size, end * size), v => (v / 255 - MEAN) / STD);
        yield { x: { data, dims: [end - at, 1, SIDE, SIDE] }, labels: labels.subarray(at, end) };
    }
}

function* pictures() {
    const labels = npy.load(`${folder}/labels.npy`).data;
    const files = fs.readdirSync(folder).filter(f => /^\d+\.npy$/.test(f)).sort();
    let at = 0;
    for (const f of files) {
        const x = npy.load(`${folder}/${f}`);
        yield { name: path.basename(f, '.npy'), x, labels: labels.subarray(at, at += x.dims[0]) };
    }
}

const pieces = fs.existsSync(`${folder}/labels.npy`) ? pictures : fashion;

async function outputs(session, x) {
    const y = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', x.data, x.dims) });
    return y[session.outputNames[0]];
}

// The class of each row.
function classes({ data, dims }) {
    const k = dims[1], all = [];
    for (let i = 0; i < dims[0]; i++) {
        const row = data.subarray(i * k, (i + 1) * k);
        all.push(row.indexOf(Math.max(...row)));
    }
    return all;
}

async function accuracy(session) {
    let right = 0, n = 0;
    for (const p of pieces()) {
        const got = classes(await outputs(session, p.x));
        got.forEach((c, i) => { right += c == p.labels[i]; });
        n += got.length;
    }
    return 100 * right / n;
}

async function disagreements(session, answers) {
    let n = 0;
    for (const p of pieces()) {
        const theirs = fs.readdirSync(`${answers}/${p.name}`)[0];
        const want = classes(npy.load(`${answers}/${p.name}/${theirs}`));
        classes(await outputs(session, p.x)).forEach((c, i) => { n += c != want[i]; });
    }
    return n;
}

async function difference(a, b) {
    let worst = 0, n = 0;
    for (const p of pieces()) {
        const ya = (await outputs(a, p.x)).data, yb = (await outputs(b, p.x)).data;
        ya.forEach((v, i) => {
            const d = Math.abs(v - yb[i]) / (1 + Math.abs(v));
            if (!(d <= worst)) worst = d; // NaN, too
        });
        if ((n += p.labels.length) >= 512) break;
    }
    return worst;
}

(async () => {
    const open = m => ort.InferenceSession.create(m, { intraOpNumThreads: 1, interOpNumThreads: 1,
        logSeverityLevel: 3 });
    const a = await open(model);
    if (!other) console.log(await accuracy(a));
    else if (other.endsWith('.onnx')) console.log(await difference(a, await open(other)));
    else console.log(await disagreements(a, other));
})().catch(e => { console.error(String(e)); process.exit(1); });
