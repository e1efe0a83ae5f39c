/** Who a process is to others that see the same folder: on its host, in another container, on another host. */
import {execFileSync} from 'node:child_process';
import {readFileSync, readlinkSync} from 'node:fs';
import {hostname} from 'node:os';
import {performance} from 'node:perf_hooks';

export interface Owner {
  host: string;
  /**
   * One boot of one kernel and, in it, one PID namespace: where it is the same, equal process ids are of the same
   * process. null where the system does not tell.
   */
  numbering: string | null;
  process: number;
  /** When the process started: ISO 8601. */
  started: string;
  /** The same in the system's own count, which tells a process from a later one of its id; null where it does not tell. */
  birth: string | null;
}

let self: Owner | undefined;

/** This process. */
export function thisProcess(): Owner {
  self ??= {
    host: hostname(),
    numbering: numbering(),
    process: process.pid,
    started: new Date(performance.timeOrigin).toISOString(),
    birth: birthOf('self'),
  };
  return self;
}

/** Whether a process still lives; 'unknown' of one that cannot be seen from here. */
export function lifeOf(owner: Owner): 'alive' | 'gone' | 'unknown' {
  const {host, numbering} = thisProcess();
  if (owner.numbering === null || owner.numbering !== numbering || owner.host !== host) return 'unknown';
  if (!exists(owner.process)) return 'gone';
  const birth = owner.process === process.pid ? thisProcess().birth : birthOf(owner.process);
  if (birth === null || owner.birth === null) return 'unknown';
  return birth === owner.birth ? 'alive' : 'gone';
}

/** Also true of a process that has ended and whose parent has not asked for it yet; `birthOf` tells these. */
function exists(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function numbering(): string | null {
  return told(() =>
    process.platform === 'linux'
      ? `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
      : execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], {encoding: 'utf8', stdio: 'pipe'}).trim(),
  );
}

/** When a process started; 'ended' of one that has. */
function birthOf(who: number | 'self'): string | null {
  return told(() => {
    if (process.platform !== 'linux') {
      const id = String(who === 'self' ? process.pid : who);
      const env = {...process.env, LC_ALL: 'C', TZ: 'UTC'};
      const options = {encoding: 'utf8', stdio: 'pipe', env} as const;
      const [, state, birth] = /^\s*(\S+)\s+(.*\S)/.exec(
        execFileSync('ps', ['-o', 'stat=,lstart=', '-p', id], options),
      )!;
      return state.startsWith('Z') ? 'ended' : birth;
    }
    // A /proc that was mounted for another PID namespace counts other processes.
    if (who !== 'self' && readlinkSync('/proc/self') !== String(process.pid)) return null;
    const stat = readFileSync(`/proc/${who}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ['Z', 'X'].includes(fields[0]) ? 'ended' : fields[19];
  });
}

function told<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch {
    return null;
  }
}
