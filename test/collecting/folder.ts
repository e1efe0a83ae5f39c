/** Collecting into a folder that a test looks at. */
import * as fs from 'node:fs';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import {type CollectedPhoto, type CollectOptions, manifestName} from '../../lib/collecting';
import {atEnd, temporaryFolder} from '../ending';
import {keyVariable} from './server';

/** No waiting, but for the slowest machine. */
export const quick: Partial<CollectOptions> = {
  requestsPerSecond: 10_000,
  attempts: 3,
  firstPause: 1,
  timeLimit: 30_000,
};

export const newFolder = (t: TestContext) => temporaryFolder(t, 'lab-collect-');

/** Sets the key until the test ends; none when undefined. */
export function withKey(t: TestContext, key: string | undefined): void {
  if (key === undefined) delete process.env[keyVariable];
  else process.env[keyVariable] = key;
  atEnd(t, () => delete process.env[keyVariable]);
}

/** The manifest's lines of photos; `torn` where the last line may be cut off. */
export function manifestOf(folder: string, {torn = false} = {}): CollectedPhoto[] {
  const lines = fs.readFileSync(join(folder, manifestName), 'utf8').split('\n');
  const rest = lines.pop();
  if (!torn && rest !== '') throw new Error(`cut off: ${rest}`);
  return lines.map((line) => JSON.parse(line) as CollectedPhoto).filter((line) => !('skipped' in line));
}

/** The photos that lie in the class folders, as in the manifest. */
export function photosIn(folder: string): string[] {
  const files = fs.readdirSync(folder, {recursive: true, encoding: 'utf8'});
  return files.filter((file) => /^[^.].*\/.*\.(jpg|png|webp)$/.test(file)).sort();
}
