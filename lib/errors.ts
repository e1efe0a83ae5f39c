/** An error a user can act on: its message says what was wrong, where, the value got, and what to do. */
export class LabError extends Error {
  override name = 'LabError';
}
