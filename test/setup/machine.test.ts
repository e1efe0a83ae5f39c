import assert from 'node:assert/strict';
import {test} from 'node:test';
import {cardReport, checkNode, chooseBuild} from '../../setup/machine.mjs';

const linux = {platform: 'linux', arch: 'x64', glibc: true};

test('Node 20.10 to 24 can run the lab', () => {
  for (const version of ['20.10.0', '20.20.2', '22.1.0', '24.21.0']) checkNode(version);
  for (const version of ['18.20.0', '20.9.0', '25.0.0']) {
    assert.throws(
      () => checkNode(version),
      new RegExp(`Node ${version} cannot run the lab: install Node 20`),
    );
  }
});

test('each machine gets its own build of TensorFlow', () => {
  const choices: [object, string | undefined, string, string, boolean][] = [
    [{}, undefined, 'tensorflow-cpu', 'manylinux_2_27_x86_64', false],
    [{}, 'cpu', 'tensorflow-cpu', 'manylinux_2_27_x86_64', false],
    [{}, 'gpu', 'tensorflow', 'manylinux_2_27_x86_64', true],
    [{arch: 'arm64'}, undefined, 'tensorflow', 'manylinux_2_27_aarch64', false],
    [{platform: 'darwin', arch: 'arm64', glibc: false}, undefined, 'tensorflow', 'macosx_12_0_arm64', false],
  ];
  for (const [machine, device, wheel, tag, cuda] of choices) {
    assert.deepEqual(chooseBuild({...linux, ...machine}, device), {version: '2.21.0', wheel, tag, cuda});
  }
});

test('where TensorFlow does not run, the word is clear', () => {
  assert.throws(() => chooseBuild({...linux, platform: 'win32'}, undefined), /WSL2/);
  assert.throws(() => chooseBuild({...linux, platform: 'darwin'}, undefined), /Intel Macs/);
  assert.throws(() => chooseBuild({...linux, arch: 'riscv64'}, undefined), /no wheel for linux on riscv64/);
  assert.throws(() => chooseBuild({...linux, glibc: false}, undefined), /needs glibc/);
  assert.throws(() => chooseBuild(linux, 'tpu'), /LAB_DEVICE is 'tpu': 'cpu' or 'gpu'/);
  assert.throws(() => chooseBuild({...linux, arch: 'arm64'}, 'gpu'), /for Linux on x86-64 alone.*unset it/);
});

test('the doctor says whether a card is there, and whether TensorFlow computes on it', () => {
  const missed = {device: 'CPU', cardMissed: 'the driver is not found: install it.'};
  const fails = 'TensorFlow does not begin: out of memory';
  type Answer = Parameters<typeof cardReport>[1];
  const cases: [string[], Answer, 'ok' | 'note', RegExp][] = [
    [[], null, 'ok', /^none; the CPU computes$/],
    [['T4', 'L4'], null, 'note', /^T4, L4; not used: LAB_DEVICE=gpu asks for it \(not tested on a card yet/],
    [['T4'], {device: 'GPU', cardMissed: null}, 'note', /^T4; TensorFlow computes on it .*npm run gpu-check/],
    [
      ['T4'],
      missed,
      'note',
      /^T4; the CPU computes: the driver is not found: install it\. Or unset LAB_DEVICE\.$/,
    ],
    [[], missed, 'note', /^none that a driver tells of; the CPU computes/],
    [['T4'], fails, 'note', /^T4; TensorFlow does not begin: out of memory$/],
  ];
  for (const [cards, answer, state, text] of cases) {
    const report = cardReport(cards, answer);
    assert.equal(report.state, state);
    assert.match(report.text, text);
  }
});
