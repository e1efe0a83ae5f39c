/**
 * Inference and one training step of every architecture, side by side with PyTorch (channels_last, same threads), in
 * turns. Usage: npm run bench -- steps [NAME...]
 */
import {type Architecture, architectureNames, Backbone, findArchitecture} from '../lib/backbones';
import {gradients, tf, type Tensor} from '../lib/engine';
import {makeOptimizer, networkLoss, sgd} from '../lib/training';
import {startPeer} from './peer';
import {type Comparison, median, report} from './results';

const batch = 16;
const rounds = 3;

/** Milliseconds a round should take at least, so that a short step is repeated. */
const leastSeconds = 1;

interface Work {
  step(): void;
  dispose(): void;
}

function inferenceStep(backbone: Backbone, x: Tensor): Work {
  const net = backbone.inference();
  return {
    step: () => tf.tidy(() => void backbone.logits(net, x).logits.dataSync()),
    dispose: () => net.dispose(),
  };
}

function trainingStep(backbone: Backbone, x: Tensor): Work {
  const {weights} = backbone;
  const labels = Int32Array.from({length: batch}, (_, i) => i % 1000);
  const optimizer = makeOptimizer(sgd({learningRate: 1e-4}));
  const variables = weights
    .names()
    .filter((name) => weights.specs.get(name)!.trainable)
    .map((name) => weights.get(name));
  const states = variables.map((variable) => optimizer.init(variable));
  const step = () => {
    const net = backbone.training({random: Math.random});
    const {value, grads} = gradients(() => networkLoss(backbone, net, x, labels).loss, variables);
    net.applyUpdates();
    value.dataSync();
    variables.forEach((variable, i) => {
      const [next, ...state] = tf.tidy(() =>
        optimizer.update(variable, grads[variable.name], states[i], 1e-4, 1),
      );
      variable.assign(next);
      tf.dispose([next, states[i]]);
      states[i] = state;
    });
    tf.dispose([value, grads]);
  };
  return {step, dispose: () => tf.dispose(states)};
}

function time(step: () => void, repeats: number): number {
  const began = performance.now();
  for (let i = 0; i < repeats; i++) step();
  return (performance.now() - began) / 1000;
}

async function compare(
  architecture: Architecture,
  work: 'inference' | 'training',
  peer: Awaited<ReturnType<typeof startPeer>>,
): Promise<Comparison> {
  const size = architecture.preprocessing.crop;
  const backbone = Backbone.formula(architecture);
  const x = tf.randomNormal([batch, size, size, 3]);
  const {step, dispose} = (work === 'inference' ? inferenceStep : trainingStep)(backbone, x);
  try {
    const once = (time(step, 1), time(step, 1));
    const repeats = Math.max(1, Math.ceil(leastSeconds / once));
    const request = {work, arch: architecture.name, size, batch, repeats};
    await peer.measure({...request, repeats: 1});
    const [ours, theirs]: number[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      ours.push((batch * repeats) / time(step, repeats));
      theirs.push((batch * repeats) / (await peer.measure(request)));
    }
    return {name: architecture.name, work, size, ours: median(ours), theirs: median(theirs)};
  } finally {
    dispose();
    x.dispose();
    backbone.dispose();
  }
}

export async function steps(names: string[]): Promise<void> {
  const peer = await startPeer();
  const comparisons: Comparison[] = [];
  try {
    for (const name of names.length > 0 ? names : architectureNames) {
      for (const work of ['inference', 'training'] as const) {
        const comparison = await compare(findArchitecture(name), work, peer);
        comparisons.push(comparison);
        const {ours, theirs} = comparison;
        console.log(
          `${name.padEnd(22)} ${work.padEnd(9)} ${ours.toFixed(1)} against ${theirs.toFixed(1)} images/s: ${(ours / theirs).toFixed(2)}`,
        );
      }
    }
  } finally {
    peer.stop();
  }
  report(
    'steps',
    `One step of ${batch} random photos at each network's own size, images per second, median of ${rounds} rounds in turn with PyTorch ${peer.version} (channels_last).`,
    comparisons,
  );
}
