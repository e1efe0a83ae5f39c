/**
 * One lab on a folder of CIFAR's records, from opening it to the tested runs: frozen features with a head on them, then a
 * small network that trains on the pictures. Prints a JSON line: seconds and peak memory after each step.
 */
import {answer} from './child';
import {everything, featureExtraction, openWorkspace, runExperiment} from '../lib/experiments';
import {network} from '../lib/backbones';
import {peakMemory, tf} from '../lib/engine';

export interface ScaleRequest {
  /** The folder of records, and the one where all that the lab keeps lies. */
  dataset: string;
  home: string;
  /** Of the head on frozen features. */
  epochs: number;
}

/** How things stand at the end of an epoch on frozen features. */
export interface EpochState {
  tensors: number;
  /** Bytes: of tensors, and of the whole process. */
  tensorBytes: number;
  resident: number;
}

export interface ScaleReport {
  pictures: number;
  /**
   * In the order in which they are done. `processor` is the seconds that all cores worked, which other work on the machine does
   * not change; the peak, in bytes, is that of the process up to then.
   */
  steps: {name: string; seconds: number; processor: number; peak: number}[];
  epochs: EpochState[];
}

const side = 32;

const small = (classes: number) =>
  network({
    name: 'small',
    size: side,
    build: (net, x) => {
      const conv = {kernel: 3, stride: 2, activation: 'relu'} as const;
      const first = net.conv('c1', x, {...conv, out: 32, norm: 'n1'});
      const second = net.conv('c2', first, {...conv, out: 64, norm: 'n2'});
      return net.linear('out', net.globalAverage(second), {out: classes});
    },
  });

async function run({dataset, home, epochs}: ScaleRequest): Promise<ScaleReport> {
  const steps: ScaleReport['steps'] = [];
  const states: EpochState[] = [];
  let [began, used] = [performance.now(), process.cpuUsage()];
  const done = (name: string) => {
    const {user, system} = process.cpuUsage(used);
    const seconds = (performance.now() - began) / 1000;
    steps.push({name, seconds, processor: (user + system) / 1e6, peak: peakMemory()});
    [began, used] = [performance.now(), process.cpuUsage()];
  };
  const workspace = await openWorkspace({dataset, folder: home, seed: 42});
  done('opening');
  const shared = {size: side, batchSize: 128, weights: 'random'};
  const onEpoch = () => {
    const {numTensors: tensors, numBytes: tensorBytes} = tf.memory();
    states.push({tensors, tensorBytes, resident: process.memoryUsage.rss()});
  };
  await runExperiment(
    {...shared, backbone: 'mobilenet_v2', regime: featureExtraction(), epochs, views: 0},
    workspace,
    {onEpoch},
  );
  done('frozen');
  const {classes} = workspace.split;
  await runExperiment(
    {backbone: small(classes.length), regime: everything(), batchSize: 128, epochs: 1},
    workspace,
  );
  done('everything');
  return {pictures: workspace.dataset.photos.length, steps, epochs: states};
}

answer(run);
