/**
 * A reader of Python pickles (protocols 2 to 5, https://docs.python.org/3/library/pickletools.html) that runs nothing: a
 * pickle builds plain values and the things of a closed list. What else it asks for is refused by name.
 *
 * Values: None is null; int a number, or a bigint beyond 2^53; list and tuple an array; dict a Map; bytes a Uint8Array.
 */
import type {LabError} from '../errors';
import type {ByteStream} from './source';

/** A function a pickle may call. It throws a LabError when the arguments are not what it takes. */
export class Callable {
  constructor(readonly call: (args: readonly unknown[]) => unknown) {}
}

/** What a pickle may ask for. */
export interface PickleWorld {
  /** By full Python name: Callables and values. */
  readonly globals: ReadonlyMap<string, unknown>;
  /** What a persistent id, a reference to something outside the pickle, stands for. */
  persistent(id: unknown): unknown;
  /** The error of a pickle that asks for something else, named by its full Python name. */
  refused(name: string): LabError;
}

/**
 * Opcodes, and elements handed to functions. A checkpoint of a thousand tensors takes some fifty thousand; a pickle made
 * to fill the memory or to never end takes more.
 */
const stepLimit = 2_000_000;

/** Longest text or byte string. */
const lengthLimit = 2 ** 24;

/** Reads the pickle that starts at the stream's position, which is left after it. Throws a LabError. */
export function readPickle(stream: ByteStream, world: PickleWorld): unknown {
  return new Unpickler(stream, world).run();
}

class Unpickler {
  private stack: unknown[] = [];
  private readonly marked: unknown[][] = [];
  private readonly memo = new Map<number, unknown>();
  private spent = 0;

  constructor(
    private readonly stream: ByteStream,
    private readonly world: PickleWorld,
  ) {}

  run(): unknown {
    for (;;) {
      this.spend(1);
      const opcode = this.stream.byte();
      if (opcode === 0x2e) return this.pop(); // STOP
      const step = steps[opcode];
      if (!step) {
        const code = `0x${opcode.toString(16).padStart(2, '0')}`;
        throw this.stream.source.refused(
          `its pickle has the opcode ${code}, which torch.save does not write`,
        );
      }
      step(this, this.stream);
    }
  }

  /** Counts steps; throws when there were too many. */
  private spend(steps: number): void {
    this.spent += steps;
    if (this.spent > stepLimit)
      throw this.stream.source.refused(`its pickle takes more than ${stepLimit} steps`);
  }

  damaged(problem: string) {
    return this.stream.source.damaged(`its pickle is broken before byte ${this.stream.position}: ${problem}`);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw this.damaged('a value is missing');
    return this.stack.pop();
  }

  /** The value on top, which stays. */
  top(): unknown {
    if (this.stack.length === 0) throw this.damaged('a value is missing');
    return this.stack[this.stack.length - 1];
  }

  popText(): string {
    const value = this.pop();
    if (typeof value !== 'string') throw this.damaged('a text is missing');
    return value;
  }

  popSeveral(count: number): unknown[] {
    if (this.stack.length < count) throw this.damaged('a value is missing');
    return this.stack.splice(this.stack.length - count);
  }

  mark(): void {
    this.marked.push(this.stack);
    this.stack = [];
  }

  /** All values since the last mark. */
  popToMark(): unknown[] {
    const values = this.stack;
    const before = this.marked.pop();
    if (!before) throw this.damaged('a mark is missing');
    this.stack = before;
    return values;
  }

  remember(key: number): void {
    this.memo.set(key, this.top());
  }

  rememberNext(): void {
    this.remember(this.memo.size);
  }

  recall(key: number): void {
    if (!this.memo.has(key)) throw this.damaged(`nothing is remembered under ${key}`);
    this.push(this.memo.get(key));
  }

  append(items: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.damaged('items are appended to something that is not a list');
    for (const item of items) list.push(item);
  }

  setItems(items: unknown[]): void {
    const dictionary = this.top();
    if (!(dictionary instanceof Map) || items.length % 2 !== 0)
      throw this.damaged('dictionary items are wrong');
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  }

  global(module: string, name: string): void {
    const fullName = `${module}.${name}`;
    if (!this.world.globals.has(fullName)) {
      throw this.world.refused(JSON.stringify(fullName).slice(1, -1));
    }
    this.push(this.world.globals.get(fullName));
  }

  stackGlobal(): void {
    const name = this.popText();
    this.global(this.popText(), name);
  }

  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof Callable) || !Array.isArray(args)) {
      throw this.stream.source.refused('its pickle calls something that is not a function');
    }
    for (const argument of args) {
      if (Array.isArray(argument) || typeof argument === 'string') this.spend(argument.length);
    }
    this.push(callable.call(args));
  }

  /** An ordered dictionary may carry attributes (a state dict has `_metadata`); they are left out. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) {
      throw this.stream.source.refused('its pickle sets attributes of something that is not a dictionary');
    }
  }

  persistent(): void {
    this.push(this.world.persistent(this.pop()));
  }

  bytes(length: number): Buffer {
    if (length > lengthLimit) throw this.damaged(`a text or byte string announces ${length} bytes`);
    return this.stream.take(length);
  }

  text(length: number): void {
    this.push(this.bytes(length).toString('utf8'));
  }

  byteString(length: number): void {
    this.push(Uint8Array.from(this.bytes(length)));
  }

  /** A little-endian integer in two's complement. */
  integer(length: number): void {
    const hex = Buffer.from(this.bytes(length)).reverse().toString('hex');
    const value = length === 0 ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    const number = Number(value);
    this.push(Number.isSafeInteger(number) ? number : value);
  }
}

const uint8 = (stream: ByteStream) => stream.byte();
const uint16 = (stream: ByteStream) => stream.take(2).readUInt16LE();
const uint32 = (stream: ByteStream) => stream.take(4).readUInt32LE();
const uint64 = (stream: ByteStream) => Number(stream.take(8).readBigUInt64LE());

/** What each opcode does; STOP apart. */
const steps: Partial<Record<number, (machine: Unpickler, stream: ByteStream) => void>> = {
  0x80: (_, s) => void s.byte(), // PROTO
  0x95: (_, s) => void s.take(8), // FRAME
  0x28: (m) => m.mark(), // MARK

  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x4a: (m, s) => m.push(s.take(4).readInt32LE()), // BININT
  0x4b: (m, s) => m.push(uint8(s)), // BININT1
  0x4d: (m, s) => m.push(uint16(s)), // BININT2
  0x8a: (m, s) => m.integer(uint8(s)), // LONG1
  0x47: (m, s) => m.push(s.take(8).readDoubleBE()), // BINFLOAT

  0x55: (m, s) => m.text(uint8(s)), // SHORT_BINSTRING (Python 2)
  0x54: (m, s) => m.text(uint32(s)), // BINSTRING (Python 2)
  0x8c: (m, s) => m.text(uint8(s)), // SHORT_BINUNICODE
  0x58: (m, s) => m.text(uint32(s)), // BINUNICODE
  0x8d: (m, s) => m.text(uint64(s)), // BINUNICODE8
  0x43: (m, s) => m.byteString(uint8(s)), // SHORT_BINBYTES
  0x42: (m, s) => m.byteString(uint32(s)), // BINBYTES
  0x8e: (m, s) => m.byteString(uint64(s)), // BINBYTES8
  0x96: (m, s) => m.byteString(uint64(s)), // BYTEARRAY8

  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x61: (m) => m.append(m.popSeveral(1)), // APPEND
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x85: (m) => m.push(m.popSeveral(1)), // TUPLE1
  0x86: (m) => m.push(m.popSeveral(2)), // TUPLE2
  0x87: (m) => m.push(m.popSeveral(3)), // TUPLE3
  0x74: (m) => m.push(m.popToMark()), // TUPLE
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x73: (m) => m.setItems(m.popSeveral(2)), // SETITEM
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS

  0x71: (m, s) => m.remember(uint8(s)), // BINPUT
  0x72: (m, s) => m.remember(uint32(s)), // LONG_BINPUT
  0x94: (m) => m.rememberNext(), // MEMOIZE
  0x68: (m, s) => m.recall(uint8(s)), // BINGET
  0x6a: (m, s) => m.recall(uint32(s)), // LONG_BINGET

  0x63: (m, s) => m.global(s.line(), s.line()), // GLOBAL
  0x93: (m) => m.stackGlobal(), // STACK_GLOBAL
  0x52: (m) => m.reduce(), // REDUCE
  0x62: (m) => m.build(), // BUILD
  0x51: (m) => m.persistent(), // BINPERSID
};
