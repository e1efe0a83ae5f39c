/** The files that torchvision publishes for the labs' networks: their names, tensors, shapes and format, made by formula. */
import assert from 'node:assert/strict';
import {readFileSync, rmSync} from 'node:fs';
import {basename, join} from 'node:path';
import test from 'node:test';
import {formulaPhotos} from '../../bench/formula';
import {Backbone, findArchitecture, type ParameterSpec, withHeadOn} from '../../lib/backbones';
import {formulaTensor, openCheckpoint} from '../../lib/checkpoints';
import {tf} from '../../lib/engine';
import {WholeNetwork} from '../../lib/heads';
import {legacyFile, op, pickle, storage, tensor, writePieces, zipFile} from '../checkpoints/crafted';
import {temporaryFolder} from '../ending';

interface Fixture {
  salt: string;
  networks: Record<string, {size: number; logits: number[]}>;
}

const {salt, networks} = JSON.parse(
  readFileSync(join(__dirname, 'fixtures', 'pytorch.json'), 'utf8'),
) as Fixture;

/** The names under which torchvision publishes them, in torch.save's older format and in the one since PyTorch 1.6. */
const published = {
  alexnet: {file: 'alexnet-owt-7be5be79.pth', format: 'zip'},
  vgg16: {file: 'vgg16-397923af.pth', format: 'legacy'},
  inception_v3: {file: 'inception_v3_google-0cc3c7bd.pth', format: 'zip'},
  resnext50_32x4d: {file: 'resnext50_32x4d-7cdf4587.pth', format: 'legacy'},
} as const;

interface Entry {
  name: string;
  type: 'FloatStorage' | 'LongStorage';
  shape: readonly number[];
  count: number;
  data: Buffer;
}

/** A state dict as PyTorch has it: the weights, and how many batches each BatchNorm has seen. */
function entriesOf(specs: ReadonlyMap<string, ParameterSpec>): Entry[] {
  return [...specs].flatMap(([name, {shape}]): Entry[] => {
    const values = Float32Array.from(formulaTensor(name, shape, salt));
    const weight: Entry = {
      name,
      type: 'FloatStorage',
      shape,
      count: values.length,
      data: Buffer.from(values.buffer),
    };
    if (!name.endsWith('running_var')) return [weight];
    const counter = name.replace(/running_var$/, 'num_batches_tracked');
    return [weight, {name: counter, type: 'LongStorage', shape: [], count: 1, data: Buffer.alloc(8)}];
  });
}

const stridesOf = (shape: readonly number[]) =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));

function stateDictFile(file: string, entries: Entry[], format: 'zip' | 'legacy'): string {
  const keys = entries.map((_, i) => String(i));
  const tensors = entries.flatMap(({name, type, shape, count}, i) => {
    const stored = storage({type, key: keys[i], count, view: format === 'legacy' ? op.none : undefined});
    return [op.text(name), tensor(stored, 0, [...shape], stridesOf(shape))];
  });
  const saved = pickle(
    op.call(op.global('collections', 'OrderedDict')),
    op.mark,
    ...tensors,
    Buffer.from('u'),
  );
  if (format === 'legacy') {
    const storages = entries.map(({count, data}, i) => ({key: keys[i], count, data}));
    return writePieces(file, legacyFile(saved, storages));
  }
  const data = entries.map((entry, i) => ({name: `archive/data/${keys[i]}`, data: entry.data}));
  return writePieces(file, zipFile([{name: 'archive/data.pkl', data: saved}, ...data]));
}

for (const [name, {file, format}] of Object.entries(published)) {
  test(`${file} is loaded, and the network gives PyTorch's logits`, (t) => {
    const {numTensors} = tf.memory();
    const architecture = findArchitecture(name);
    const source = architecture.weights!.source;
    assert.equal('url' in source && basename(source.url), file);
    const folder = temporaryFolder(t);
    const path = stateDictFile(join(folder, file), entriesOf(architecture.parameters('whole')), format);
    const checkpoint = openCheckpoint(path);
    const {size} = checkpoint.tensors;
    checkpoint.close();
    assert.ok(size >= architecture.parameters('whole').size);

    const learner = WholeNetwork.original(Backbone.load(architecture, path, {extent: 'whole'}));
    const x = formulaPhotos([2, 3, networks[name].size, networks[name].size], salt);
    const inference = learner.forInference();
    const logits = tf.tidy(() => [...inference.logits(x).dataSync()]);
    const every97th = logits.filter((_, i) => (i % 1000) % 97 === 0);
    const {logits: wanted} = networks[name];
    const error = Math.hypot(...every97th.map((value, i) => value - wanted[i])) / Math.hypot(...wanted);
    assert.ok(error < 1e-4, `logits differ by ${error}`);
    inference.dispose();
    learner.dispose();
    x.dispose();

    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const extents = [
      {of: architecture, extent: 'stages' as const},
      ...(architecture.hasAuxiliary() ? [{of: architecture, extent: 'stages and auxiliary' as const}] : []),
      ...(name === 'vgg16' || name === 'alexnet'
        ? [{of: withHeadOn(architecture, 'original layers'), extent: 'stages' as const}]
        : []),
    ];
    for (const {of, extent} of extents) Backbone.load(of, path, {extent, onNote}).dispose();
    assert.deepEqual(notes, [], 'a published file needs no note');
    assert.equal(tf.memory().numTensors, numTensors, 'tensors left behind');
    rmSync(path);
  });
}
