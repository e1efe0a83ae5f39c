import type * as TensorFlow from '@tensorflow/tfjs-node';
import {existsSync, readFileSync} from 'node:fs';
import {cpus} from 'node:os';
import {join} from 'node:path';
import util from 'node:util';
import {LabError} from '../errors';
import {whyNoCard} from './device';
import {hasAvx512, hasTileRegisters, multipliesBfloat16, processorText} from './processor';

/** What the engine is: versions, the device that computes and the threads it has. */
export interface EngineReport {
  tensorflow: string;
  tfjs: string;
  device: 'CPU' | 'GPU';
  threads: number;
  oneDNN: boolean;
  /** Whether products in bfloat16 are quick: the processor has instructions for them, and oneDNN uses these. */
  bfloat16: boolean;
  /** Whether they run in the processor's tiles, by which all networks gain. */
  tiles: boolean;
}

/**
 * TensorFlow switches oneDNN on by itself only on AVX-512 machines, and has the thread that calls it idle while others
 * work; settings count only before the binding is loaded. tfjs-node 4.22 calls two functions of `util` that Node 22 warns
 * of and Node 23 began to remove.
 */
function prepareProcess(): void {
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  process.env.TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD ??= '1';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  Object.assign(util, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
}

/** The first words of the binding where TensorFlow makes no context, which only a graphics card can cause. */
const notBegun = 'TensorFlow does not begin';

/** The binding greets whoever first uses a browser backend's tips; a notebook should show none of it. */
function load(): typeof TensorFlow {
  prepareProcess();
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- must come after prepareProcess
    return require('@tensorflow/tfjs-node') as typeof TensorFlow;
  } catch (error) {
    const [message] = (error as Error).message.split('\n');
    if (message.startsWith(notBegun)) {
      throw new LabError(
        `${message}\nLAB_DEVICE asks for the graphics card, which fails: \`nvidia-smi\` shows what else uses it. Without LAB_DEVICE the CPU computes.`,
      );
    }
    throw new LabError(
      `The TensorFlow engine is not set up: ${message}\n` +
        'Run `npm run setup` in the project folder (it needs no root and no compiler); `npm run doctor` tells what is missing.',
    );
  }
}

/** tfjs with the TensorFlow backend loaded. */
export const tf = load();

/** One attribute of a TensorFlow operation. */
export interface Attribute {
  name: string;
  type: number;
  value: unknown;
}

/** A tensor as TensorFlow knows it. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

type Constant =
  `TF_${'FLOAT' | 'INT32' | 'UINT8' | 'ATTR_STRING' | 'ATTR_INT' | 'ATTR_FLOAT' | 'ATTR_BOOL' | 'ATTR_TYPE'}`;

/** The compiled binding: TensorFlow's constants and the few calls everything goes through. */
export interface Binding extends Readonly<Record<Constant, number>> {
  TF_Version: string;
  createTensor(shape: number[], type: number, values: unknown): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): unknown;
  /** Gives the memory of an array back: it has no elements then, nor has any other on the same buffer. */
  releaseArray(array: ArrayBufferView): void;
  executeOp(name: string, attributes: Attribute[], inputs: number[], outputs: number): TensorMetadata[];
}

/** The door to TensorFlow's own operations. */
interface NativeBackend {
  binding: Binding;
  isUsingGpuDevice: boolean;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly TensorFlow.Tensor[],
    outputs: number,
  ): TensorFlow.Tensor[];
  getInputTensorIds(inputs: readonly TensorFlow.Tensor[]): number[];
  createOutputTensor(metadata: TensorMetadata): TensorFlow.Tensor;
}

export const backend = tf.backend() as unknown as NativeBackend;

/** Why the CPU computes where LAB_DEVICE asks for a graphics card; null where it does not, or where the card computes. */
export const cardMissed =
  process.env.LAB_DEVICE === 'gpu' && !backend.isUsingGpuDevice
    ? whyNoCard({libraries: loadedLibraries(), visible: process.env.CUDA_VISIBLE_DEVICES})
    : null;

if (cardMissed !== null) {
  console.warn(`LAB_DEVICE asks for a graphics card, and the CPU computes: ${cardMissed}`);
}

function loadedLibraries(): string {
  const maps = join('/proc', 'self', 'maps');
  return existsSync(maps) ? readFileSync(maps, 'utf8') : '';
}

const processor = processorText();

/** What is found out of the machine; a trial may find that its bfloat16 or its tiles are not to be relied on. */
export const machine = {
  bfloat16: multipliesBfloat16(processor),
  tiles: hasTileRegisters(processor),
  avx512: hasAvx512(processor),
};

/** Versions, device and threads of the engine, for a notebook's first cell and for `npm run doctor`. */
export function engineReport(): EngineReport {
  const device = backend.isUsingGpuDevice ? 'GPU' : 'CPU';
  const oneDNN = !/^(0|false)$/i.test(process.env.TF_ENABLE_ONEDNN_OPTS!) && process.arch === 'x64';
  return {
    tensorflow: backend.binding.TF_Version,
    tfjs: tf.version['tfjs-core'],
    device,
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS ?? cpus().length),
    oneDNN,
    bfloat16: oneDNN && device === 'CPU' && machine.bfloat16,
    tiles: oneDNN && device === 'CPU' && machine.bfloat16 && machine.tiles,
  };
}

/** Peak resident memory of this process in bytes (Linux: VmHWM; elsewhere `getrusage`). */
export function peakMemory(): number {
  const status = join('/proc', 'self', 'status');
  const peak = existsSync(status) && /VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8'));
  return peak ? Number(peak[1]) * 1024 : process.resourceUsage().maxRSS * 1024;
}
