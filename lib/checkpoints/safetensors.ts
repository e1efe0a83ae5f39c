/**
 * The safetensors format (https://github.com/huggingface/safetensors, "Format"): 8 bytes hold the header's length N,
 * little-endian; N bytes of JSON name each tensor's dtype, shape and byte range; the tensors follow without gaps.
 */
import {LabError} from '../errors';
import {replaceFile} from '../storage';
import type {Checkpoint} from './checkpoint';
import {dtypes, type DType} from './dtypes';
import type {Source} from './source';
import {rowMajor, sizeOf, storedTensor, type StoredTensor} from './tensor';

const storedNames: Readonly<Record<string, DType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
};

/** The format's own limit of a header, in bytes. */
const headerLimit = 100_000_000;

/** Reads the header; throws a LabError when the file breaks the format's rules. */
export function readSafetensors(source: Source): Checkpoint {
  const headerLength = Number(source.bytes(0, 8, 'the header length').readBigUInt64LE());
  if (headerLength > Math.min(headerLimit, source.size - 8)) {
    throw source.damaged(`its header announces ${headerLength} bytes`);
  }
  const dataStart = 8 + headerLength;
  const {__metadata__: metadata = {}, ...entries} = parseHeader(source, headerLength);
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw source.damaged('its metadata are not texts');
  }
  const ranges: {name: string; begin: number; end: number}[] = [];
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(entries)) {
    const {dtype, shape, begin, end} = readEntry(source, name, entry);
    ranges.push({name, begin, end});
    const place = {position: dataStart + begin, strides: rowMajor(shape)};
    tensors.set(name, storedTensor(source, name, dtype, shape, place));
  }
  requireSeamless(source, ranges, source.size - dataStart);
  return {
    file: source.file,
    tensors,
    dictionaries: [],
    metadata: metadata as Record<string, string>,
    close: () => source.close(),
  };
}

function parseHeader(source: Source, length: number): Record<string, unknown> {
  const text = source.bytes(8, length, 'the header').toString('utf8');
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw source.damaged(`its header is not JSON (${(error as SyntaxError).message})`);
  }
  if (!isRecord(header)) throw source.damaged('its header is not a JSON object');
  return header;
}

function readEntry(source: Source, name: string, entry: unknown) {
  const {
    dtype: storedName,
    shape,
    data_offsets: offsets,
  }: Record<string, unknown> = isRecord(entry) ? entry : {};
  if (typeof storedName !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw source.damaged(`tensor ${name} has no proper dtype, shape and data_offsets`);
  }
  if (!Object.hasOwn(storedNames, storedName)) {
    throw source.refused(
      `tensor ${name} has the dtype ${storedName}; read are ${Object.keys(storedNames).join(', ')}`,
      'Take the checkpoint in one of these.',
    );
  }
  const dtype = storedNames[storedName];
  const [begin, end] = offsets;
  const needed = sizeOf(shape) * dtypes[dtype].bytes;
  if (end - begin !== needed) {
    const has = `has the byte range ${begin} to ${end}`;
    throw source.damaged(`tensor ${name} (${storedName} [${shape.join(', ')}], ${needed} bytes) ${has}`);
  }
  return {dtype, shape, begin, end};
}

/** The format wants every byte after the header to belong to exactly one tensor. */
function requireSeamless(
  source: Source,
  ranges: {name: string; begin: number; end: number}[],
  total: number,
): void {
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const {name, begin, end} of ranges) {
    if (begin !== covered) {
      throw source.damaged(`tensor ${name} starts at data byte ${begin}, where ${covered} is expected`);
    }
    covered = end;
  }
  if (covered !== total) {
    throw source.damaged(`its tensors take ${covered} bytes, but ${total} follow the header`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** A tensor by name, in PyTorch's shape: `values` are row-major, as many as `shape` says. */
export interface NamedValues {
  readonly name: string;
  readonly shape: number[];
  readonly values: Float32Array;
}

/**
 * Writes tensors as one safetensors file of float32, making its folder. The file appears whole or not at all: a file that stood there
 * before stays until the new one is safely on the disk. Throws a LabError when the disk is full or the folder forbidden,
 * and when a tensor's values do not fill its shape or a name comes twice.
 */
export function writeSafetensors(
  file: string,
  tensors: Iterable<NamedValues>,
  metadata: Record<string, string> = {},
): void {
  const list = [...tensors];
  const header = encodeHeader(file, list, metadata);
  const bytes = list.map(({values}) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  replaceFile(file, [header, ...bytes]);
}

/** The length and the JSON text, padded with spaces so that the data start at a multiple of 8 bytes. */
function encodeHeader(file: string, tensors: NamedValues[], metadata: Record<string, string>): Buffer {
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  const names = new Set(['__metadata__']);
  let begin = 0;
  for (const {name, shape, values} of tensors) {
    if (names.has(name)) throw new LabError(`${file}: the tensor name ${name} is taken. Give each its own.`);
    if (sizeOf(shape) !== values.length) {
      const need = `the shape [${shape.join(', ')}] needs ${sizeOf(shape)} values, ${values.length} are given`;
      throw new LabError(`${file}: tensor ${name}: ${need}. Correct the one or the other.`);
    }
    names.add(name);
    const end = begin + values.byteLength;
    entries.push([name, {dtype: 'F32', shape, data_offsets: [begin, end]}]);
    begin = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}
