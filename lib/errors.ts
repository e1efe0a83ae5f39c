/**
 * An error a user can act on: its message says what was wrong, where, the value got, and what to do. A notebook's cell
 * and `console` show that message alone; where it was thrown stands in `stack`.
 */
export class LabError extends Error {
  override name = 'LabError';

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `${this.name}: ${this.message}`;
  }
}
