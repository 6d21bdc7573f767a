// SPDX-License-Identifier: MIT
// ort_accuracy.js FOLDER MODEL.onnx: the share of Fashion-MNIST's test images (in FOLDER, gzipped)
// that a model of [N,1,28,28] gets right by ONNX Runtime, in per cent.
// ort_accuracy.js FOLDER MODEL.onnx OTHER.onnx: of the first 512, the largest difference of the
// two models' outputs, as a share of 1 + the first one's.
const fs = require('fs'), zlib = require('zlib');
const ort = require('onnxruntime-node');
const [folder, ...models] = process.argv.slice(2);
const MEAN = 0.286, STD = 0.353, SIDE = 28, BATCH = 128;

// The bytes of an idx file of `rank` dimensions, behind its header.
function idx(name, rank) {
    const b = zlib.gunzipSync(fs.readFileSync(`${folder}/${name}`));
    if (b.readUInt32BE(0) != 0x800 + rank) throw new Error(`${name}: is no idx file of rank ${rank}`);
    return b.subarray(4 + 4 * rank);
}

// The outputs for images [at, end).
async function outputs(session, images, at, end) {
    const x = new Float32Array((end - at) * SIDE * SIDE);
    for (let i = 0; i < x.length; i++)
        x[i] = (images[at * SIDE * SIDE + i] / 255 - MEAN) / STD;
    const feed = { [session.inputNames[0]]: new ort.Tensor('float32', x, [end - at, 1, SIDE, SIDE]) };
    return (await session.run(feed))[session.outputNames[0]];
}

async function accuracy(session, images, labels) {
    let right = 0;
    for (let at = 0; at < labels.length; at += BATCH) {
        const y = await outputs(session, images, at, Math.min(at + BATCH, labels.length));
        const [n, classes] = y.dims;
        for (let i = 0; i < n; i++) {
            const row = y.data.subarray(i * classes, (i + 1) * classes);
            right += row.indexOf(Math.max(...row)) == labels[at + i];
        }
    }
    return 100 * right / labels.length;
}

async function difference(a, b, images) {
    let worst = 0;
    for (let at = 0; at < 512; at += BATCH) {
        const ya = (await outputs(a, images, at, at + BATCH)).data;
        const yb = (await outputs(b, images, at, at + BATCH)).data;
        ya.forEach((v, i) => {
            const d = Math.abs(v - yb[i]) / (1 + Math.abs(v));
            if (!(d <= worst)) worst = d; // NaN, too
        });
    }
    return worst;
}

(async () => {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    const [a, b] = await Promise.all(models.map(m => ort.InferenceSession.create(m, options)));
    const images = idx('t10k-images-idx3-ubyte.gz', 3), labels = idx('t10k-labels-idx1-ubyte.gz', 1);
    console.log(b ? await difference(a, b, images) : await accuracy(a, images, labels));
})().catch(e => { console.error(String(e)); process.exit(1); });
