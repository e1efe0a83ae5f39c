/**
 * npm run gpu-check: whether the graphics card computes what the processor computes, and how fast, in one short run.
 * Three networks of formula weights: logits, then loss and gradients of one training step, in two processes of which one
 * does not see the card. Where no card computes, it says why and ends.
 */
import {spawnSync} from 'node:child_process';
import os from 'node:os';
import {graphicsCards} from '../setup/machine.mjs';
import {Backbone, findArchitecture} from '../lib/backbones';
import {cardMissed, engineReport, type EngineReport, gradients, tf} from '../lib/engine';
import {WholeNetwork} from '../lib/heads';
import {crossEntropy, sgd, Stepper} from '../lib/training';
import {formulaPhotos} from './formula';

const names = ['mobilenet_v2', 'resnet50', 'deit_tiny_patch16_224'];
const [salt, batch] = ['gpu-check', 16];

/** What may differ, relative to the processor's: cards round products to TF32, with 10 bits after the point. */
const tolerance = 2e-2;

interface Measured {
  logits: number[];
  loss: number;
  /** Norms of the gradients, by tensor. */
  norms: number[];
  /** Images a second, of batches of 16. */
  inference: number;
  training: number;
}

interface Report {
  engine: EngineReport;
  networks: Record<string, Measured>;
}

function measure(name: string): Measured {
  const architecture = findArchitecture(name);
  const backbone = Backbone.formula(architecture, salt);
  const learner = WholeNetwork.original(backbone);
  const {weights} = backbone;
  const size = architecture.preprocessing.crop;
  const photos = formulaPhotos([batch, 3, size, size], salt);
  const labels = Int32Array.from({length: batch}, (_, i) => i % learner.classes);
  const inference = learner.forInference();
  const infer = () => tf.tidy(() => Array.from(inference.logits(photos).dataSync()));
  const logits = infer();
  const inferenceSpeed = speed(infer);
  inference.dispose();

  const pass = learner.forTraining({momentum: 0.1});
  const {value, grads} = gradients(
    () => pass.loss(photos, (output) => crossEntropy(output, labels)).loss,
    [...weights.specs.keys()]
      .filter((key) => weights.specs.get(key)!.trainable)
      .map((key) => weights.get(key)),
  );
  const loss = value.dataSync()[0];
  const norms = Object.values(grads).map((gradient) => tf.tidy(() => tf.norm(gradient).dataSync()[0]));
  tf.dispose([value, grads]);
  const stepper = new Stepper(learner, {optimizer: sgd({learningRate: 1e-6})});
  const training = speed(() => void stepper.step(photos, labels, Math.random, 1, 1));
  stepper.dispose();
  learner.dispose();
  photos.dispose();
  return {logits, loss, norms, inference: inferenceSpeed, training};
}

const toReport =
  'Please report: all of this text, the output of `nvidia-smi`, and that of `LAB_DEVICE=gpu npm run doctor`.';

/** Images a second, over a second at least after a first time that counts not. */
function speed(step: () => void): number {
  step();
  const begin = performance.now();
  let steps = 0;
  for (; performance.now() - begin < 1000; steps++) step();
  return (1000 * batch * steps) / (performance.now() - begin);
}

/** The measurements of a process of its own, which sees the card or does not. */
function inProcess(environment: NodeJS.ProcessEnv): Report {
  const {status, stdout} = spawnSync(process.execPath, ['--import', 'tsx', __filename, 'measure'], {
    encoding: 'utf8',
    env: {...process.env, ...environment},
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
  if (status !== 0)
    throw new Error(`The measuring process ended with ${status}: its last words stand above. ${toReport}`);
  return JSON.parse(stdout) as Report;
}

const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));

/** The length of the difference, relative to that of the processor's values. */
const difference = (card: number[], processor: number[]) =>
  norm(card.map((value, i) => value - processor[i])) / norm(processor);

function check(): number {
  const cards = graphicsCards();
  console.log(
    `Cards: ${cards.join(', ') || 'none that a driver tells of'}. Processor: ${os.cpus()[0]?.model}.`,
  );
  if (cardMissed !== null) {
    console.log(`So there is nothing to compare. Should a card have computed? ${toReport}`);
    return 1;
  }
  const processor = inProcess({LAB_DEVICE: 'cpu'});
  const card = inProcess({LAB_DEVICE: 'gpu'});
  console.log(`TensorFlow ${card.engine.tensorflow} computes on the ${card.engine.device}.\n`);
  let agrees = true;
  for (const name of names) {
    const [ours, theirs] = [card.networks[name], processor.networks[name]];
    const differences = {
      logits: difference(ours.logits, theirs.logits),
      loss: difference([ours.loss], [theirs.loss]),
      gradients: difference(ours.norms, theirs.norms),
    };
    const fits = Object.values(differences).every((value) => value <= tolerance);
    agrees &&= fits;
    const list = Object.entries(differences).map(([what, value]) => `${what} ${value.toExponential(1)}`);
    console.log(`${name}: ${fits ? 'agrees' : 'DIFFERS'} (${list.join(', ')}; at most ${tolerance})`);
    for (const work of ['inference', 'training'] as const) {
      console.log(
        `  ${work}: ${ours[work].toFixed(1)} against the processor's ${theirs[work].toFixed(1)} images/s`,
      );
    }
  }
  console.log(`\n${toReport}`);
  return agrees ? 0 : 1;
}

if (process.argv[2] === 'measure') {
  const networks = Object.fromEntries(names.map((name) => [name, measure(name)]));
  const report: Report = {engine: engineReport(), networks};
  process.stdout.write(JSON.stringify(report));
} else {
  try {
    process.exitCode = check();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
