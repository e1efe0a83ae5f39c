/**
 * The files of PyTorch's torch.save (torch/serialization.py): a pickle that names tensors, and their storages apart, as
 * stored entries of a zip file (since 1.6) or one after another (before, "legacy").
 */
import type {Checkpoint} from './checkpoint';
import {dtypes, type DType} from './dtypes';
import {foreignZip} from './foreign';
import {Callable, readPickle, type PickleWorld} from './pickle';
import {ByteStream, type Source} from './source';
import {rowMajor, sizeOf, storedTensor, type StoredTensor} from './tensor';
import {ZipDirectory, type Stretch} from './zip';

/** Storage classes by name; torch and torch.cuda have them all. */
const storageTypes: Readonly<Record<string, DType>> = {
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  DoubleStorage: 'float64',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** The class of a storage, as a pickle names it. An untyped one counts bytes. */
class StorageType {
  constructor(readonly dtype: DType) {}
}

/** A storage a pickle refers to; `offset` and `length` are bytes of the one stored under `key`. */
class StorageReference {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly offset: number,
    readonly length: number,
  ) {}
}

/** A tensor a pickle rebuilds: a view of a storage, offset and strides in elements. */
class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly dtype: DType,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;

/** As PyTorch. */
const rankLimit = 64;

/** How deep in dictionaries a state dict may lie: `{'state': {'model': {...}}}`. An optimizer's tensors lie deeper. */
const nestingLimit = 2;

/** Reads the pickle of a zip file of torch.save. */
export function readZip(source: Source): Checkpoint {
  const directory = new ZipDirectory(source);
  const pickleName = directory.find(/(^|\/)data\.pkl$/);
  const foreign = foreignZip(directory.names());
  if (foreign) throw source.refused(`it is ${foreign.what}`, foreign.remedy);
  if (pickleName === undefined)
    throw source.refused('it is a zip file without data.pkl, so not of torch.save');
  const folder = pickleName.slice(0, -'data.pkl'.length);
  requireLittleEndian(source, directory, `${folder}byteorder`);

  const pickle = directory.locate(pickleName);
  const stream = new ByteStream(source, pickle.position, pickle.position + pickle.length);
  const saved = readPickle(stream, torchWorld(source));
  return checkpointOf(source, saved, (key) => directory.locate(`${folder}data/${key}`));
}

function requireLittleEndian(source: Source, directory: ZipDirectory, name: string): void {
  if (!directory.has(name)) return;
  const {position, length} = directory.locate(name);
  if (length !== 6 || source.bytes(position, length, name).toString() !== 'little') {
    throw source.refused('its numbers are not little-endian');
  }
}

/** Whether the file starts as torch.save's legacy format does: with a pickle, of its magic number. */
export function isPickle(start: Uint8Array): boolean {
  return start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
}

/** Reads the five pickles of a legacy file (magic, protocol, system, state dict, keys) and finds the storages. */
export function readLegacy(source: Source): Checkpoint {
  const stream = new ByteStream(source, 0, source.size);
  const world = torchWorld(source);
  if (readPickle(stream, world) !== legacyMagic)
    throw source.refused('it is a pickle, but not of torch.save');
  if (readPickle(stream, world) !== legacyProtocol)
    throw source.refused('it is of an unknown protocol of torch.save');
  const system = readPickle(stream, world);
  if (!(system instanceof Map) || system.get('little_endian') !== true) {
    throw source.refused('its numbers are not little-endian');
  }
  const referred = new Map<string, StorageReference>();
  const saved = readPickle(
    stream,
    torchWorld(source, (storage) => referred.set(storage.key, storage)),
  );
  const storages = findStorages(source, referred, readPickle(stream, world), stream.position);
  return checkpointOf(source, saved, (key) => {
    const storage = storages.get(key);
    if (!storage) throw source.damaged(`its storage ${key} is missing`);
    return storage;
  });
}

/** Each storage is preceded by its number of elements, 8 bytes. They stand in the order of `keys`. */
function findStorages(
  source: Source,
  referred: ReadonlyMap<string, StorageReference>,
  keys: unknown,
  start: number,
): Map<string, Stretch> {
  if (!Array.isArray(keys)) throw source.damaged('its list of storages is missing');
  const found = new Map<string, Stretch>();
  let position = start;
  for (const key of keys as unknown[]) {
    const storage = typeof key === 'string' ? referred.get(key) : undefined;
    if (!storage) throw source.damaged('its list of storages does not fit its tensors');
    const count = Number(source.bytes(position, 8, `the size of storage ${storage.key}`).readBigUInt64LE());
    const length = count * dtypes[storage.dtype].bytes;
    position += 8;
    if (position + length > source.size) {
      throw source.damaged(`its storage ${storage.key} needs bytes ${position} to ${position + length}`);
    }
    found.set(storage.key, {position, length});
    position += length;
  }
  return found;
}

/** What a pickle of torch.save may build, and nothing else. `onStorage` is told every storage it refers to. */
function torchWorld(source: Source, onStorage?: (storage: StorageReference) => void): PickleWorld {
  const broken = (what: string) => source.damaged(`its pickle gives ${what} the wrong arguments`);

  const rebuild = (args: readonly unknown[], dtype?: unknown): TensorReference => {
    const [storage, offset, shape, strides] = args;
    const sound =
      storage instanceof StorageReference && isCount(offset) && isCounts(shape) && isCounts(strides);
    if (!sound || shape.length !== strides.length || shape.length > rankLimit) throw broken('a tensor');
    return new TensorReference(storage, isDType(dtype) ? dtype : storage.dtype, offset, shape, strides);
  };
  const orderedDict = ([items = []]: readonly unknown[]): Map<unknown, unknown> => {
    if (!Array.isArray(items) || !items.every((item) => Array.isArray(item) && item.length === 2)) {
      throw broken('OrderedDict');
    }
    return new Map(items as [unknown, unknown][]);
  };
  const parameter = ([tensor]: readonly unknown[]): TensorReference => {
    if (!(tensor instanceof TensorReference)) throw broken('a parameter');
    return tensor;
  };
  const size = ([shape]: readonly unknown[]): number[] => {
    if (!isCounts(shape)) throw broken('torch.Size');
    return shape;
  };
  const encode = ([text, encoding]: readonly unknown[]): Uint8Array => {
    if (typeof text !== 'string' || encoding !== 'latin1') throw broken('_codecs.encode');
    return Buffer.from(text, 'latin1');
  };

  const globals = new Map<string, unknown>([
    ['collections.OrderedDict', new Callable(orderedDict)],
    ['torch._utils._rebuild_tensor', new Callable((args) => rebuild(args))],
    ['torch._utils._rebuild_tensor_v2', new Callable((args) => rebuild(args))],
    ['torch._utils._rebuild_tensor_v3', new Callable((args) => rebuild(args, args[6]))],
    ['torch._utils._rebuild_parameter', new Callable(parameter)],
    ['torch.Size', new Callable(size)],
    ['_codecs.encode', new Callable(encode)], // how protocol 2 writes bytes
    ['__builtin__.bytes', new Callable(() => new Uint8Array())], // and empty bytes
    ['torch.storage.UntypedStorage', new StorageType('uint8')],
  ]);
  for (const dtype of Object.keys(dtypes)) globals.set(`torch.${dtype}`, dtype);
  for (const [name, dtype] of Object.entries(storageTypes)) {
    globals.set(`torch.${name}`, new StorageType(dtype));
    globals.set(`torch.cuda.${name}`, new StorageType(dtype));
  }

  const persistent = (id: unknown): StorageReference => {
    const [kind, type, key, , count, view = null] = Array.isArray(id) ? (id as unknown[]) : [];
    if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(count)) {
      throw broken('a storage');
    }
    const [, first, length] =
      view === null ? [key, 0, count] : Array.isArray(view) ? (view as unknown[]) : [];
    if (!isCount(first) || !isCount(length)) throw broken('a view of a storage');
    const {bytes} = dtypes[type.dtype];
    const storage = new StorageReference(key, type.dtype, first * bytes, length * bytes);
    onStorage?.(storage);
    return storage;
  };
  const refused = (name: string) =>
    /^torch\..*(_rebuild_qtensor|QU?Int\w+Storage)$/.test(name)
      ? source.refused(
          `its pickle asks for ${name}: its weights are quantised`,
          'Nothing of it was run. Take the checkpoint from before it was quantised.',
        )
      : source.refused(`its pickle asks for ${name}`);
  return {globals, persistent, refused};
}

/** The tensors of what was saved, those of dictionaries in it included. Other values are passed over. */
function checkpointOf(source: Source, saved: unknown, locate: (key: string) => Stretch): Checkpoint {
  const stretches = new Map<string, Stretch>();
  const located = (key: string): Stretch => {
    const stretch = stretches.get(key) ?? locate(key);
    stretches.set(key, stretch);
    return stretch;
  };
  const tensors = new Map<string, StoredTensor>();
  const dictionaries: string[] = [];
  const seen = new Set<unknown>(); // the same dictionary under two names is one, and may hold itself
  const collect = (values: Map<unknown, unknown>, prefix: string, depth: number): void => {
    seen.add(values);
    for (const [key, value] of values) {
      if (typeof key !== 'string') continue;
      const name = prefix + key;
      if (value instanceof TensorReference) {
        if (tensors.has(name)) throw source.refused(`it holds two tensors named ${name}`);
        tensors.set(name, tensorOf(source, name, value, located(value.storage.key)));
      } else if (value instanceof Map && depth < nestingLimit && !seen.has(value)) {
        dictionaries.push(`${name}.`);
        collect(value, `${name}.`, depth + 1);
      }
    }
  };
  if (saved instanceof Map) collect(saved, '', 0);
  if (tensors.size === 0) {
    const what =
      saved instanceof Map
        ? `its keys are ${[...saved.keys()].slice(0, 10).map(String).join(', ')}`
        : 'it is not even a dictionary';
    throw source.refused(`it holds no state dict, ${what}`);
  }
  return {file: source.file, tensors, dictionaries, metadata: {}, close: () => source.close()};
}

/** Throws a LabError unless all elements of the tensor lie within its storage, and the storage within the file. */
function tensorOf(source: Source, name: string, tensor: TensorReference, stored: Stretch): StoredTensor {
  const {storage, dtype, offset, shape, strides} = tensor;
  const {bytes} = dtypes[dtype];
  const empty = shape.includes(0);
  const last = shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], offset);
  const end = empty ? 0 : (last + 1) * bytes;
  if (end > storage.length || storage.offset + storage.length > stored.length) {
    throw source.damaged(
      `tensor ${name} needs ${storage.offset + end} bytes of its storage, which has ${stored.length}`,
    );
  }
  if (sizeOf(shape) > source.size) {
    throw source.refused(`tensor ${name} [${shape.join(', ')}] has more elements than the file has bytes`);
  }
  const position = stored.position + storage.offset + offset * bytes;
  return storedTensor(source, name, dtype, shape, {position, strides: empty ? rowMajor(shape) : strides});
}

function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(dtypes, value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}
