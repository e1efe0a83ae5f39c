import {LabError} from '../errors';

/**
 * A package that one cell uses and the lab can do without: `const {DataFrame} = optionalPackage('danfojs-node')`.
 * Throws a LabError that says how to get it where it is not installed.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- its types may be missing with it
export function optionalPackage(name: string): any {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- only where a cell asks for it
    return require(name);
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException;
    const reason =
      code === 'MODULE_NOT_FOUND' ? 'is not installed' : `does not load (${message.split('\n')[0]})`;
    throw new LabError(
      `This cell needs the npm package ${name}, which ${reason}; the other cells do without it. ` +
        'To install it, run in the project folder: npm ci --include=optional, then npm run setup.',
    );
  }
}
