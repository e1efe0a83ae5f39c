/** What the tests of remedies share. */
import assert from 'node:assert/strict';
import {LabError} from '../lib/errors';

/** Asserts that an error is in words that destroy nothing; what `says` finds in them. */
export function remedyIn(error: unknown, says: RegExp): string {
  assert.ok(error instanceof LabError, String(error));
  assert.match(error.message, says);
  assert.doesNotMatch(error.message, /\b(delete|remove)\b/i);
  return says.exec(error.message)?.[1] ?? '';
}

/** The same of what an attempt, which must fail, throws. */
export async function told(attempt: () => unknown, says: RegExp): Promise<string> {
  const error = await Promise.resolve()
    .then(attempt)
    .then(
      () => assert.fail('no error'),
      (reason: unknown) => reason,
    );
  return remedyIn(error, says);
}
