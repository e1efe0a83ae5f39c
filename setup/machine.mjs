/** What kind of machine this is, and which build of TensorFlow serves it. */
import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {SetupError} from './processes.mjs';

export const tensorflowVersion = '2.21.0';

/**
 * @typedef {object} Machine
 * @property {string} platform as process.platform
 * @property {string} arch as process.arch
 * @property {boolean} glibc whether the C library is glibc (Linux only)
 */

/**
 * A build of TensorFlow, by the wheel that holds it.
 * @typedef {object} Build
 * @property {'tensorflow' | 'tensorflow-cpu'} wheel the wheel's name
 * @property {string} version
 * @property {string} tag the wheel's platform tag
 * @property {boolean} cuda whether it computes on an NVIDIA card
 */

/**
 * Ends with a clear word when this Node cannot run the lab.
 * @param {string} version as process.versions.node
 */
export function checkNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 10) || major > 24) {
    throw new SetupError(
      `Node ${version} cannot run the lab: install Node 20 (from 20.10), 22 or 24 from nodejs.org.`,
    );
  }
}

/** @type {Machine | undefined} */
let machine;

/** @returns {Machine} */
export function thisMachine() {
  machine ??= {platform: process.platform, arch: process.arch, glibc: hasGlibc()};
  return machine;
}

/**
 * Chooses the build of TensorFlow for a machine: for the CPU, unless CUDA is asked for, which nobody has tested on a card
 * yet. The wheels for Linux on arm64 and for macOS are called `tensorflow`; on Linux x86-64 that name means the CUDA
 * build, and the one without is `tensorflow-cpu`.
 * @param {Machine} machine
 * @param {string | undefined} device the environment's LAB_DEVICE: `cpu` (as without it) or `gpu`
 * @returns {Build}
 */
export function chooseBuild({platform, arch, glibc}, device = 'cpu') {
  if (device !== 'cpu' && device !== 'gpu') {
    throw new SetupError(
      `LAB_DEVICE is '${device}': 'cpu' or 'gpu' can be asked for; without it the CPU computes.`,
    );
  }
  const cuda = device === 'gpu';
  if (cuda && `${platform}-${arch}` !== 'linux-x64') {
    throw new SetupError(
      `LAB_DEVICE is 'gpu', which there is for Linux on x86-64 alone, not for ${platform} on ${arch}: unset it.`,
    );
  }
  const build = {version: tensorflowVersion, cuda};
  switch (`${platform}-${arch}`) {
    case 'linux-x64':
      checkGlibc(glibc);
      return {...build, wheel: cuda ? 'tensorflow' : 'tensorflow-cpu', tag: 'manylinux_2_27_x86_64'};
    case 'linux-arm64':
      checkGlibc(glibc);
      return {...build, wheel: 'tensorflow', tag: 'manylinux_2_27_aarch64'};
    case 'darwin-arm64':
      return {...build, wheel: 'tensorflow', tag: 'macosx_12_0_arm64'};
    case 'win32-x64':
    case 'win32-arm64':
      throw new SetupError(
        'TensorFlow has no library for Node on Windows: install WSL2 (`wsl --install`) and run the lab in it.',
      );
    case 'darwin-x64':
      throw new SetupError(
        `TensorFlow ${tensorflowVersion} does not exist for Intel Macs: use Linux or a Mac with Apple silicon.`,
      );
    default:
      throw new SetupError(
        `TensorFlow has no wheel for ${platform} on ${arch}: use Linux (x86-64, arm64) or macOS (arm64).`,
      );
  }
}

/** @param {boolean} glibc */
function checkGlibc(glibc) {
  if (glibc) return;
  throw new SetupError(
    'TensorFlow needs glibc, which this Linux does not have (Alpine?): use Debian, Ubuntu, Fedora or the like.',
  );
}

function hasGlibc() {
  const report = /** @type {{header: {glibcVersionRuntime?: string}}} */ (process.report.getReport());
  return report.header.glibcVersionRuntime !== undefined;
}

/** The NVIDIA cards that a driver tells of, by name. */
export function graphicsCards() {
  try {
    const list = execFileSync('nvidia-smi', ['-L'], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
    return [...list.matchAll(/^GPU \d+: (.+?)(?: \(UUID.*)?$/gm)].map(([, name]) => name);
  } catch {
    return existsSync('/proc/driver/nvidia/version') ? ['an NVIDIA card'] : [];
  }
}

/**
 * What the doctor says of graphics cards.
 * @param {string[]} cards those that a driver tells of
 * @param {string | {device: string, cardMissed: string | null} | null} answer what TensorFlow's CUDA build says: where
 *   it computes, or the words with which it does not begin; null where LAB_DEVICE does not ask for it
 * @returns {{state: 'ok' | 'note', text: string}}
 */
export function cardReport(cards, answer) {
  const untested = 'not tested on a card yet: npm run gpu-check';
  const seen = cards.join(', ') || 'none that a driver tells of';
  if (answer === null) {
    return cards.length === 0
      ? {state: 'ok', text: 'none; the CPU computes'}
      : {state: 'note', text: `${seen}; not used: LAB_DEVICE=gpu asks for it (${untested})`};
  }
  if (typeof answer === 'string') return {state: 'note', text: `${seen}; ${answer}`};
  const {device, cardMissed} = answer;
  return {
    state: 'note',
    text:
      device === 'GPU'
        ? `${seen}; TensorFlow computes on it (${untested})`
        : `${seen}; the CPU computes: ${cardMissed} Or unset LAB_DEVICE.`,
  };
}
