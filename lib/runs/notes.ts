/** What a run remembers besides what it was asked to do and what came of it: it may change without the run becoming another. */
export interface RunNotes {
  /** The version of the files of a run. */
  schema: number;
  name: string | null;
  /** ISO 8601, in UTC. */
  began: string | null;
  ended: string | null;
  /** Seconds for frozen features: the cost of those it used, whoever computed them, and what it spent on them itself. */
  features: {cost: number | null; spent: number} | null;
}

/** The version that runs are stored in now; 1 had no notes. */
export const SCHEMA = 2;

/** What is known of a run without notes. */
export const NO_NOTES: RunNotes = {schema: 1, name: null, began: null, ended: null, features: null};
