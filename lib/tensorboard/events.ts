/**
 * TensorBoard's messages, after its event.proto, summary.proto, tensor.proto and plugin_data.proto: what happened at a
 * step, as the bytes of an Event. Numbers are their fields' numbers.
 */
import {bytes, double, fieldsOf, integer} from './protobuf';

/** A named value at a step, ready for an Event. */
export type Value = Buffer;

const dtypes = {float: 1, double: 2, string: 7} as const;
const classes = {scalar: 1, tensor: 2, blobs: 3} as const;

/** Left end, right end and count of a bucket. */
export type Bucket = readonly [left: number, right: number, count: number];

export interface PngImage {
  width: number;
  height: number;
  png: Uint8Array;
  /** Markdown that TensorBoard shows beside it. */
  description?: string;
}

/** What a run was asked to do, in words and numbers. */
export type Hyperparameters = Readonly<Record<string, string | number | boolean>>;

/** What every file begins with. */
export const versionEvent = (time: number): Buffer => event(time, 0, bytes(3, 'brain.Event:2'));

/** A new session: of what earlier files tell, only the steps before this one count. */
export const sessionEvent = (time: number, step: number): Buffer =>
  event(time, step, bytes(7, integer(1, 1)));

/** Values at a step; `time` in seconds since 1970. */
export const summaryEvent = (time: number, step: number, values: readonly Value[]): Buffer =>
  event(time, step, bytes(5, ...values.map((value) => bytes(1, value))));

export const scalar = (tag: string, value: number): Value =>
  summaryValue(tag, metadata('scalars', classes.scalar), tensor('float', [], Float32Array.of(value)));

export const histogram = (tag: string, buckets: readonly Bucket[]): Value =>
  summaryValue(
    tag,
    metadata('histograms', classes.tensor),
    tensor('double', [buckets.length, 3], Float64Array.from(buckets.flat())),
  );

export function image(tag: string, {width, height, png, description}: PngImage): Value {
  const content = [bytes(8, String(width)), bytes(8, String(height)), bytes(8, png)];
  return summaryValue(
    tag,
    metadata('images', classes.blobs, {description}),
    Buffer.concat([integer(1, dtypes.string), shape([content.length]), ...content]),
  );
}

/** What the HParams tab shows of a run that has begun. */
export function sessionStart(hyperparameters: Hyperparameters, time: number): Value {
  const entries = Object.entries(hyperparameters).map(([name, value]) =>
    bytes(1, bytes(1, name), bytes(2, protobufValue(value))),
  );
  return hparams(sessionStartTag, bytes(3, ...entries, double(5, time)));
}

/** That a run has been completed. */
export const sessionEnd = (time: number): Value =>
  hparams(sessionEndTag, bytes(4, integer(1, 1), double(2, time)));

export const sessionStartTag = '_hparams_/session_start_info';
export const sessionEndTag = '_hparams_/session_end_info';

/** An Event as it was read. */
export interface ReadEvent {
  step: number;
  /** Whether a session begins here. */
  isSession: boolean;
  /** The content of each tensor, by tag. */
  values: Map<string, Buffer>;
}

/** Reads an Event, as far as this module writes them. Throws a RangeError when it is none. */
export function readEvent(message: Buffer): ReadEvent {
  const read: ReadEvent = {step: 0, isSession: false, values: new Map()};
  for (const {field, value} of fieldsOf(message)) {
    if (field === 2) read.step = Number(value);
    if (field === 7) read.isSession = true;
    if (field !== 5) continue;
    for (const {value: summary} of fieldsOf(value as Buffer)) {
      const parts = new Map(
        [...fieldsOf(summary as Buffer)].map((part) => [part.field, part.value as Buffer]),
      );
      const content = [...fieldsOf(parts.get(8) ?? Buffer.alloc(0))].find((part) => part.field === 4)?.value;
      read.values.set(String(parts.get(1) ?? ''), (content as Buffer | undefined) ?? Buffer.alloc(0));
    }
  }
  return read;
}

const event = (time: number, step: number, what: Buffer): Buffer =>
  Buffer.concat([double(1, time), integer(2, step), what]);

const summaryValue = (tag: string, meta: Buffer, content: Buffer): Value =>
  Buffer.concat([bytes(1, tag), bytes(9, meta), bytes(8, content)]);

const metadata = (
  plugin: string,
  dataClass: number,
  {content = Buffer.alloc(0), description = ''}: {content?: Buffer; description?: string} = {},
): Buffer =>
  Buffer.concat([
    bytes(1, bytes(1, plugin), bytes(2, content)),
    bytes(3, description),
    integer(4, dataClass),
  ]);

const shape = (lengths: readonly number[]): Buffer =>
  bytes(2, ...lengths.map((length) => bytes(2, integer(1, length))));

/** Numbers are laid down as this machine does it: little-endian, as all that TensorFlow runs on. */
const tensor = (
  dtype: 'float' | 'double',
  lengths: readonly number[],
  values: Float32Array | Float64Array,
): Buffer =>
  Buffer.concat([
    integer(1, dtypes[dtype]),
    shape(lengths),
    bytes(4, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ]);

const hparams = (tag: string, content: Buffer): Value =>
  summaryValue(tag, metadata('hparams', classes.tensor, {content}), tensor('float', [1], Float32Array.of(0)));

/** A google.protobuf.Value. */
function protobufValue(value: string | number | boolean): Buffer {
  if (typeof value === 'number') return double(2, value);
  return typeof value === 'string' ? bytes(3, value) : integer(4, value);
}
