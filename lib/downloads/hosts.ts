/**
 * Which hosts are worth waiting for. A host behind a firewall neither answers nor refuses, and would cost its time-out
 * again for every file of every experiment. So this process remembers for a while who was silent, and its waits for
 * silent hosts have a common limit; a lab's hosts are asked side by side before the first file is wanted.
 */

/** Milliseconds of waiting for silent hosts, all together. */
const patience = 8_000;
/** Milliseconds of it that the first question, to all hosts at once, may take. */
const firstPatience = 4_000;
/** Milliseconds after which a silent host gets another chance. */
const memory = 300_000;
/** A failure within so many milliseconds costs too little to be remembered. */
const quick = 1_000;

const answered = new Set<string>();
const silent = new Map<string, number>();
const failures = new Map<string, string>();
let waits: {at: number; milliseconds: number}[] = [];

const reasons: Record<string, string> = {
  ENOTFOUND: 'the host is not found (no network?)',
  EAI_AGAIN: 'the host is not found (no network?)',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection broke off',
  UND_ERR_SOCKET: 'the connection broke off',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer',
};

/** What went wrong on the wire, in words; Node's fetch wraps it in TypeErrors. */
export function connectionReason(error: Error): string {
  const cause = error.cause as (Error & {code?: string}) | undefined;
  return reasons[cause?.code ?? ''] ?? cause?.message ?? error.message;
}

/** A sentence, with a space before it, for where a proxy is set in the environment that Node does not use. */
export function proxyHint(): string {
  const isUnused = (process.env.HTTPS_PROXY || process.env.https_proxy) && !process.env.NODE_USE_ENV_PROXY;
  return isUnused
    ? ' A proxy is set in the environment: Node uses it from version 24 on, with NODE_USE_ENV_PROXY=1.'
    : '';
}

const hostOf = (address: string) => new URL(address).host;

/** Milliseconds that the first answer of an address's host may take; 0 for one that was silent a while ago. */
export function patienceWith(address: string): number {
  const host = hostOf(address);
  if (answered.has(host)) return Infinity;
  const now = performance.now();
  if (now - (silent.get(host) ?? -Infinity) < memory) return 0;
  waits = waits.filter(({at}) => now - at < memory);
  return Math.max(0, patience - waits.reduce((sum, {milliseconds}) => sum + milliseconds, 0));
}

/** Takes note that the host of an address answers. */
export function noteAnswer(address: string): void {
  const host = hostOf(address);
  answered.add(host);
  silent.delete(host);
  failures.delete(host);
}

/** Why the host of an address gave no answer, null when it did or was not asked. */
export function whySilent(address: string): string | null {
  return failures.get(hostOf(address)) ?? null;
}

/** Takes note of hosts that were waited for, together, in vain: each address with what went wrong. */
export function noteSilence(reasons: ReadonlyMap<string, string>, milliseconds: number): void {
  for (const [address, reason] of reasons) failures.set(hostOf(address), reason);
  if (milliseconds < quick) return;
  const at = performance.now();
  waits.push({at, milliseconds});
  for (const address of reasons.keys()) silent.set(hostOf(address), at);
}

/** Asks the hosts of these addresses, side by side, whether they answer, unless that is known; takes 4 s at most. */
export async function contact(addresses: readonly string[], signal?: AbortSignal): Promise<void> {
  const unknown = [...new Map(addresses.map((address) => [hostOf(address), address])).values()].filter(
    (address) => !answered.has(hostOf(address)) && patienceWith(address) > 0,
  );
  if (unknown.length === 0) return;
  const began = performance.now();
  const limit = AbortSignal.timeout(Math.min(firstPatience, ...unknown.map(patienceWith)));
  const stopped = signal ? AbortSignal.any([signal, limit]) : limit;
  const unheard = new Map<string, string>();
  await Promise.all(
    unknown.map(async (address) => {
      try {
        await fetch(new URL(address).origin, {method: 'HEAD', redirect: 'manual', signal: stopped});
        noteAnswer(address);
      } catch (error) {
        const reason = limit.aborted ? 'the host does not answer' : connectionReason(error as Error);
        unheard.set(address, reason);
      }
    }),
  );
  signal?.throwIfAborted();
  if (unheard.size > 0) noteSilence(unheard, performance.now() - began);
}
