/**
 * Inference and one training step of every architecture, side by side with PyTorch (channels_last, same threads), in
 * turns. Usage: npm run bench -- steps [NAME...]
 */
import {type Architecture, architectureNames, Backbone, findArchitecture} from '../lib/backbones';
import {type Precision, tf, type Tensor} from '../lib/engine';
import {type Learner, WholeNetwork} from '../lib/heads';
import {sgd, Stepper} from '../lib/training';
import {precisionsAtHand} from './precisions';
import {type Peer, startPeer} from './peer';
import {report} from './results';
import type {Comparison} from './tables';
import {inTurns, roundsInWords} from './turns';

const batch = 16;

/** Seconds a round should take at least, so that a short step is repeated. */
const leastSeconds = 1;

interface Work {
  step(): void;
  dispose(): void;
}

function inferenceStep(learner: Learner, x: Tensor): Work {
  const network = learner.forInference();
  return {
    step: () => tf.tidy(() => void network.logits(x).dataSync()),
    dispose: () => network.dispose(),
  };
}

function trainingStep(learner: Learner, x: Tensor): Work {
  const labels = Int32Array.from({length: batch}, (_, i) => i % learner.classes);
  const stepper = new Stepper(learner, {optimizer: sgd({learningRate: 1e-4})});
  return {
    step: () => void stepper.step(x, labels, Math.random, 1, 1),
    dispose: () => stepper.dispose(),
  };
}

function time(step: () => void, repeats: number): number {
  const began = performance.now();
  for (let i = 0; i < repeats; i++) step();
  return (performance.now() - began) / 1000;
}

async function compare(
  architecture: Architecture,
  work: 'inference' | 'training',
  precision: Precision,
  peer: Peer,
): Promise<Comparison> {
  const size = architecture.preprocessing.crop;
  const learner = WholeNetwork.original(Backbone.formula(architecture).in(precision));
  const x = tf.randomNormal([batch, size, size, 3]);
  const {step, dispose} = (work === 'inference' ? inferenceStep : trainingStep)(learner, x);
  try {
    const once = (time(step, 1), time(step, 1));
    const repeats = Math.max(1, Math.ceil(leastSeconds / once));
    const request = {work, arch: architecture.name, size, batch, repeats, precision};
    await peer.measure({...request, repeats: 1});
    const {ours, theirs} = await inTurns(
      () => time(step, repeats),
      () => peer.measure(request),
    );
    const images = batch * repeats;
    return {name: architecture.name, work, size, precision, ours: images / ours, theirs: images / theirs};
  } finally {
    dispose();
    x.dispose();
    learner.dispose();
  }
}

export async function steps(names: string[]): Promise<void> {
  const peer = await startPeer();
  const comparisons: Comparison[] = [];
  try {
    for (const name of names.length > 0 ? names : architectureNames) {
      for (const precision of precisionsAtHand()) {
        for (const work of ['inference', 'training'] as const) {
          const comparison = await compare(findArchitecture(name), work, precision, peer);
          comparisons.push(comparison);
          const {ours, theirs} = comparison;
          console.log(
            `${name.padEnd(22)} ${work.padEnd(9)} ${precision.padEnd(8)} ` +
              `${ours.toFixed(1)} against ${theirs.toFixed(1)} images/s: ${(ours / theirs).toFixed(2)}`,
          );
        }
      }
    }
  } finally {
    peer.stop();
  }
  report(
    'steps',
    `One step of ${batch} random photos at each network's own size, images per second, median of ${roundsInWords} in turn with PyTorch ${peer.version} (channels_last; bfloat16: autocast).`,
    comparisons,
  );
}
