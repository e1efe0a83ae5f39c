/**
 * Compares architectures with what PyTorch computes, forward and backward, on weights made by a formula.
 * Usage: npm run parity -- FILE...   Each file is JSON: arch, salt, input, labels, stateDict, evalLogits, trainLogits,
 * trainLoss, gradients (key -> [norm, dot product with a probe]), runningStatsAfterStep (key -> norm).
 *
 * Everything is compared in float32, as the lab computes. What differs by more than the tolerance, yet by no more than
 * rounding can do, is compared once more in float64, in which PyTorch's side was made. Gradients need that: among millions
 * of activations a few lie so near a kink (ReLU at 0) that float32 puts them on its other side, and there gradients jump;
 * PyTorch's own float32 is as far from its float64. The line of such an architecture shows both.
 */
import {readFileSync} from 'node:fs';
import {findArchitecture, type ParameterSpec} from '../lib/backbones';
import {formulaProbe} from '../lib/checkpoints';
import {gradients as lossGradients, inDoublePrecision, tf} from '../lib/engine';
import {LabError} from '../lib/errors';
import {WholeNetwork} from '../lib/heads';
import {crossEntropy} from '../lib/training';
import {formulaBackbone, formulaPhotos} from './formula';

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

/** What rounding to float32 may do; more is an error. */
const roundingErrors: Comparison = {
  evalLogits: 1e-3,
  trainLogits: 1e-3,
  loss: 1e-3,
  gradientNorm: 0.1,
  probe: 0.2,
  runningStatistic: 1e-3,
};

/** The momentum of the reference files' running statistics. */
const momentum = 0.1;

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function relativeError(actual: ArrayLike<number>, expected: number[]): number {
  return norm(expected.map((value, i) => actual[i] - value)) / norm(expected);
}

/** Shapes and names of the state dict must be those of the reference, no more and no fewer. */
function compareNames(
  arch: string,
  ours: ReadonlyMap<string, ParameterSpec>,
  stateDict: Reference['stateDict'],
): void {
  const differing = [...new Set([...ours.keys(), ...Object.keys(stateDict)])].filter(
    (name) => ours.get(name)?.shape.join() !== stateDict[name]?.join(),
  );
  if (differing.length === 0) return;
  throw new LabError(`${arch}: tensors differ from the reference: ${differing.slice(0, 10).join(', ')}`);
}

function compareGradients(
  {gradients, stateDict, salt}: Reference,
  read: (name: string) => Float32Array,
): Pick<Comparison, 'gradientNorm' | 'probe'> {
  const largest = Math.max(...Object.values(gradients).map(([expected]) => expected));
  const worst = {gradientNorm: 0, probe: 0};
  for (const [name, [expectedNorm, expectedProbe]] of Object.entries(gradients)) {
    const gradient = read(name);
    const scale = expectedNorm < 1e-6 * largest ? largest : expectedNorm;
    const probe = dot(gradient, formulaProbe(name, stateDict[name], salt));
    worst.gradientNorm = Math.max(worst.gradientNorm, Math.abs(norm(gradient) - expectedNorm) / scale);
    worst.probe = Math.max(worst.probe, Math.abs(probe - expectedProbe) / scale);
  }
  return worst;
}

function compare(reference: Reference): Comparison {
  const {arch, salt, input, stateDict} = reference;
  const backbone = formulaBackbone(findArchitecture(arch), salt);
  const learner = WholeNetwork.original(backbone);
  const {weights} = backbone;
  compareNames(arch, weights.specs, stateDict);
  const photos = formulaPhotos(input, salt);

  const inference = learner.forInference();
  const evalLogits = inference.logits(photos);
  const evalError = relativeError(evalLogits.dataSync(), reference.evalLogits.flat());
  inference.dispose();

  const pass = learner.forTraining({momentum});
  const labels = Int32Array.from(reference.labels);
  let trainLogits: number[] = [];
  const {value, grads} = lossGradients(
    () => {
      const {loss, logits} = pass.loss(photos, (output) => crossEntropy(output, labels));
      trainLogits = Array.from(logits.dataSync());
      return loss;
    },
    Object.keys(reference.gradients).map((name) => weights.get(name)),
  );
  pass.applyUpdates();
  const loss = value.dataSync()[0];
  const gradients = compareGradients(reference, (name) =>
    weights.inPyTorchLayout(name, grads[weights.get(name).name]),
  );
  const statistics = Object.entries(reference.runningStatsAfterStep).map(
    ([name, expected]) => Math.abs(norm(weights.read(name).values) - expected) / expected,
  );
  tf.dispose([photos, evalLogits, value, grads]);
  learner.dispose();
  return {
    evalLogits: evalError,
    trainLogits: relativeError(trainLogits, reference.trainLogits.flat()),
    loss: Math.abs(loss - reference.trainLoss) / Math.abs(reference.trainLoss),
    ...gradients,
    runningStatistic: Math.max(0, ...statistics),
  };
}

const keys = Object.keys(tolerances) as (keyof Comparison)[];
const exceeding = (errors: Comparison, limits: Comparison) =>
  keys.filter((key) => !(errors[key] <= limits[key]));
const written = (value: number) => value.toExponential(1);

/** One line about an architecture, and whether it passed. */
function check(reference: Reference): {line: string; passed: boolean} {
  const began = performance.now();
  let errors = compare(reference);
  const doubtful = exceeding(errors, tolerances);
  let note = '';
  if (doubtful.length > 0 && exceeding(errors, roundingErrors).length === 0) {
    const exact = inDoublePrecision(() => compare(reference));
    note = `  in float32: ${doubtful.map((key) => `${key} ${written(errors[key])}`).join(', ')}`;
    for (const key of keys)
      if (doubtful.includes(key) || exact[key] > tolerances[key]) errors = {...errors, [key]: exact[key]};
  }
  const passed = exceeding(errors, tolerances).length === 0;
  const columns = keys.map((key) => `${key} ${written(errors[key])}`).join('  ');
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const line = `${reference.arch.padEnd(22)} ${columns}  ${seconds} s  ${passed ? 'PASS' : 'FAIL'}${note}`;
  return {line, passed};
}

function main(files: string[]): number {
  if (files.length === 0) {
    console.error('Usage: npm run parity -- FILE...   (reference files as PyTorch wrote them)');
    return 2;
  }
  let failed = 0;
  for (const file of files) {
    const {line, passed} = check(JSON.parse(readFileSync(file, 'utf8')) as Reference);
    if (!passed) failed++;
    console.log(line);
  }
  return failed > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
