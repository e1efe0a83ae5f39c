/** Measurements in processes of their own, which answer with a line of JSON. */
import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import {LabError} from '../lib/errors';

/** Runs a command to its end and gives its answer, the last line of its output. Throws a LabError with the last line of its complaint. */
export async function answerOf<Answer>(
  command: string,
  args: string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Answer> {
  const env = {...process.env, ...environment};
  try {
    const {stdout} = await promisify(execFile)(command, args, {env, maxBuffer: 2 ** 26});
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Answer;
  } catch (error) {
    const {stderr = '', message} = error as Error & {stderr?: string};
    throw new LabError(`${command} ${args.join(' ')} failed: ${stderr.trim().split('\n').at(-1) || message}`);
  }
}

/** The same of a script of this project, which is told `request`. */
export const answerTo = <Answer>(
  script: string,
  request: object,
  environment?: NodeJS.ProcessEnv,
): Promise<Answer> =>
  answerOf(process.execPath, ['--import', 'tsx', script, JSON.stringify(request)], environment);

/** What such a script does: answers what it was told. */
export function answer<Request>(work: (request: Request) => Promise<object>): void {
  work(JSON.parse(process.argv[2]) as Request).then(
    (found) => process.stdout.write(`${JSON.stringify(found)}\n`),
    (error: Error) => {
      console.error(error.message);
      process.exitCode = 1;
    },
  );
}
