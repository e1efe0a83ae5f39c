/**
 * Compares architectures with what PyTorch computes, forward and backward, on weights made by a formula.
 * Usage: npm run parity -- FILE...   Each file is JSON: arch, salt, input, labels, stateDict, evalLogits, trainLogits,
 * trainLoss, gradients (key -> [norm, dot product with a probe]), runningStatsAfterStep (key -> norm).
 */
import {readFileSync} from 'node:fs';
import {Backbone, findArchitecture} from '../lib/backbones';
import {formulaInput, formulaProbe} from '../lib/checkpoints';
import {type Scalar, tf} from '../lib/engine';
import {LabError} from '../lib/errors';
import {crossEntropy} from '../lib/training';

interface Reference {
  arch: string;
  salt: string;
  input: number[];
  labels: number[];
  stateDict: Record<string, number[]>;
  evalLogits: number[][];
  trainLogits: number[][];
  trainLoss: number;
  gradients: Record<string, [number, number]>;
  runningStatsAfterStep: Record<string, number>;
}

interface Comparison {
  evalLogits: number;
  trainLogits: number;
  loss: number;
  gradientNorm: number;
  probe: number;
  runningStatistic: number;
}

const tolerances: Comparison = {
  evalLogits: 1e-4,
  trainLogits: 1e-4,
  loss: 1e-4,
  gradientNorm: 2e-3,
  probe: 2e-3,
  runningStatistic: 1e-3,
};

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

function relativeError(actual: ArrayLike<number>, expected: number[]): number {
  return norm(expected.map((value, i) => actual[i] - value)) / norm(expected);
}

/** Shapes and names of the state dict must be those of the reference, no more and no fewer. */
function compareNames(backbone: Backbone, {arch, stateDict}: Reference): void {
  const ours = backbone.weights.specs;
  const differing = [...new Set([...ours.keys(), ...Object.keys(stateDict)])].filter(
    (name) => ours.get(name)?.shape.join() !== stateDict[name]?.join(),
  );
  if (differing.length > 0)
    throw new LabError(`${arch}: tensors differ from the reference: ${differing.slice(0, 10).join(', ')}`);
}

function compare(reference: Reference): Comparison {
  const {arch, salt, input, gradients, runningStatsAfterStep} = reference;
  const architecture = findArchitecture(arch);
  const backbone = Backbone.formula(architecture, salt);
  compareNames(backbone, reference);
  const photos = tf.tidy(() => tf.transpose(tf.tensor(formulaInput(input, salt), input), [0, 2, 3, 1]));

  const inference = backbone.inference();
  const evalLogits = tf.tidy(() => backbone.logits(inference, photos).logits);
  const evalError = relativeError(evalLogits.dataSync(), reference.evalLogits.flat());
  inference.dispose();

  const training = backbone.training();
  const labels = Int32Array.from(reference.labels);
  const names = Object.keys(gradients);
  let logits: number[] = [];
  const {value, grads} = tf.variableGrads(
    () => {
      const output = backbone.logits(training, photos);
      logits = Array.from(output.logits.dataSync());
      const loss = crossEntropy(output.logits, labels);
      if (!output.auxiliary) return loss as Scalar;
      const {weight} = architecture.auxiliary!;
      return tf.add(loss, tf.mul(crossEntropy(output.auxiliary, labels), weight)) as Scalar;
    },
    names.map((name) => backbone.weights.get(name)),
  );
  training.applyUpdates();
  const loss = value.dataSync()[0];

  const largest = Math.max(...Object.values(gradients).map(([expected]) => expected));
  let [gradientNorm, probe] = [0, 0];
  for (const name of names) {
    const [expectedNorm, expectedProbe] = gradients[name];
    const gradient = backbone.weights.inPyTorchLayout(name, grads[backbone.weights.get(name).name]);
    const probeVector = formulaProbe(name, reference.stateDict[name], salt);
    const dot = gradient.reduce((sum, v, i) => sum + v * probeVector[i], 0);
    const scale = expectedNorm < 1e-6 * largest ? largest : expectedNorm;
    gradientNorm = Math.max(gradientNorm, Math.abs(norm(gradient) - expectedNorm) / scale);
    probe = Math.max(probe, Math.abs(dot - expectedProbe) / scale);
  }
  const statistics = Object.entries(runningStatsAfterStep).map(([name, expected]) => {
    return Math.abs(norm(backbone.weights.read(name).values) - expected) / expected;
  });
  tf.dispose([photos, evalLogits, value, grads]);
  backbone.dispose();
  return {
    evalLogits: evalError,
    trainLogits: relativeError(logits, reference.trainLogits.flat()),
    loss: Math.abs(loss - reference.trainLoss) / Math.abs(reference.trainLoss),
    gradientNorm,
    probe,
    runningStatistic: Math.max(0, ...statistics),
  };
}

function main(files: string[]): number {
  if (files.length === 0) {
    console.error('Usage: npm run parity -- FILE...   (reference files as PyTorch wrote them)');
    return 2;
  }
  let failed = 0;
  for (const file of files) {
    const began = performance.now();
    const reference = JSON.parse(readFileSync(file, 'utf8')) as Reference;
    const errors = compare(reference);
    const keys = Object.keys(tolerances) as (keyof Comparison)[];
    const passed = keys.every((key) => errors[key] <= tolerances[key]);
    if (!passed) failed++;
    const columns = keys.map((key) => `${key} ${errors[key].toExponential(1)}`).join('  ');
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${reference.arch.padEnd(22)} ${columns}  ${seconds} s  ${passed ? 'PASS' : 'FAIL'}`);
  }
  return failed > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
