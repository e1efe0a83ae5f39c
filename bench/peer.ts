/** The PyTorch process that the comparisons run against, in turn with this one. */
import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {engineReport} from '../lib/engine';
import {LabError} from '../lib/errors';

export interface Peer {
  version: string;
  /** Seconds that PyTorch takes for a request (see pytorch.py). */
  measure(request: Record<string, unknown>): Promise<number>;
  stop(): void;
}

/** The Python that `LAB_TORCH_PYTHON` names (default: python3). */
export const torchPython = (): string => process.env.LAB_TORCH_PYTHON ?? 'python3';

/** Starts it with that Python. */
export async function startPeer(): Promise<Peer> {
  const python = torchPython();
  const child = spawn(python, [join(__dirname, 'pytorch.py')], {stdio: ['pipe', 'pipe', 'pipe']});
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const {value, done} = await lines.next();
    if (done) {
      throw new LabError(
        `PyTorch (${python}) ended: ${complaint.trim().split('\n').at(-1)}\n` +
          'Set LAB_TORCH_PYTHON to a Python with torch, torchvision, timm, pillow and efficientnet_lite_pytorch.',
      );
    }
    return JSON.parse(value) as Record<string, unknown>;
  };
  child.on('error', () => (complaint ||= 'it cannot be started'));
  const {torch} = await answer();
  const {threads} = engineReport();
  return {
    version: String(torch),
    async measure(request) {
      child.stdin.write(`${JSON.stringify({...request, threads})}\n`);
      return Number((await answer()).seconds);
    },
    stop: () => child.kill(),
  };
}
