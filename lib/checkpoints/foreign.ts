/** Files that are no checkpoints though their names say so, told by how they begin or by a zip file's entries. */

export interface Foreign {
  /** As in "it is ...". */
  readonly what: string;
  readonly remedy: string;
}

/** Bytes of a file's beginning that `foreignFile` looks at. */
export const beginningLength = 512;

const unpack = 'Unpack it and give the file within.';
const ofPyTorch =
  'Its names and layout are not those of PyTorch: take the PyTorch checkpoint of this network.';

/** By the bytes that stand at `at` (Latin-1), 0 unless given. */
const signatures: readonly (Foreign & {bytes: string; at?: number})[] = [
  {
    bytes: 'version https://git-lfs.github.com/spec',
    what: 'a Git LFS pointer, not the file it stands for',
    remedy: 'Run `git lfs pull` in its repository, or download the file itself.',
  },
  {bytes: '\x89HDF\r\n\x1a\n', what: 'an HDF5 file, as Keras writes it (.h5)', remedy: ofPyTorch},
  {bytes: 'TFL3', at: 4, what: 'a TensorFlow Lite model', remedy: ofPyTorch},
  {bytes: 'GGUF', what: 'a GGUF file', remedy: ofPyTorch},
  {
    bytes: '\x93NUMPY',
    what: 'a single NumPy array (.npy)',
    remedy: 'Give a safetensors or .pth file, which holds tensors by name.',
  },
  {bytes: '\x1f\x8b', what: 'compressed with gzip', remedy: unpack},
  {bytes: 'BZh', what: 'compressed with bzip2', remedy: unpack},
  {bytes: '\xfd7zXZ\0', what: 'compressed with xz', remedy: unpack},
  {bytes: '\x28\xb5\x2f\xfd', what: 'compressed with Zstandard', remedy: unpack},
  {bytes: '7z\xbc\xaf\x27\x1c', what: 'a 7-Zip archive', remedy: unpack},
  {bytes: 'ustar', at: 257, what: 'a tar archive', remedy: unpack},
];

/** What a file with this beginning is; undefined when nothing here knows it. */
export function foreignFile(start: Buffer): Foreign | undefined {
  const known = signatures.find(({bytes, at = 0}) =>
    start.subarray(at, at + bytes.length).equals(Buffer.from(bytes, 'latin1')),
  );
  if (known) return known;
  if (isOnnx(start)) {
    return {what: 'an ONNX model', remedy: 'Take the PyTorch checkpoint that it was exported from.'};
  }
  const text = start
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  if (/^<(!doctype|html|\?xml|head|body|!--)/i.test(text)) {
    return {
      what: 'a web page saved in place of the file',
      remedy: 'Download the file itself: on GitHub and Hugging Face by its download button, not its page.',
    };
  }
  if (/^[{[]/.test(text)) {
    return {what: 'a JSON text without weights', remedy: 'Give the safetensors or .pth file itself.'};
  }
  return undefined;
}

/** A protobuf that begins as ONNX's ModelProto does: 1, the version of its format; then a text or the graph. */
function isOnnx([tag, version, next]: Buffer): boolean {
  return tag === 0x08 && version > 0 && version < 0x40 && [0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42].includes(next);
}

/** What a zip file with these entries is; undefined when nothing here knows it. */
export function foreignZip(names: readonly string[]): Foreign | undefined {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/^[^/]+\/code\//) && has(/(^|\/)constants\.pkl$/)) {
    return {
      what: 'a TorchScript archive (of torch.jit.save), which holds a program',
      remedy:
        "Save its state dict, in Python: torch.save(torch.jit.load(path).state_dict(), 'state_dict.pth').",
    };
  }
  if (has(/(^|\/)(models\/model|serialized_exported_program)\.json$/)) {
    return {
      what: 'a program of torch.export',
      remedy:
        "Save its state dict, in Python: torch.save(torch.export.load(path).state_dict, 'state_dict.pth').",
    };
  }
  if (has(/\.weights\.h5$/)) return {what: "a model of Keras' own format (.keras)", remedy: ofPyTorch};
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
    return {
      what: 'an archive of NumPy arrays (.npz)',
      remedy:
        'If its names are those of PyTorch, turn it into safetensors, in Python: ' +
        "safetensors.numpy.save_file(dict(numpy.load(path)), 'weights.safetensors').",
    };
  }
  const inner = names.find((name) => /\.(pth?|bin|safetensors|ckpt)$/.test(name));
  return inner === undefined ? undefined : {what: `a zip archive around ${inner}`, remedy: unpack};
}
