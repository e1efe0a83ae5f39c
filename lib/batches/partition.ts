/** How items are cut into batches. */
export interface Partition {
  batchSize: number;
  /** Leaves out a last batch that is smaller than the others. Default false. */
  dropLast?: boolean;
  /** Lets a last item that would be a batch by itself, without statistics, join the batch before it. Default false. */
  joinSingle?: boolean;
}

/** How many batches `partition` makes of so many items. */
export function batchCount(count: number, {batchSize, dropLast, joinSingle}: Partition): number {
  const whole = Math.floor(count / batchSize);
  const rest = count % batchSize;
  const joins = joinSingle === true && rest === 1 && whole > 0;
  return rest === 0 || dropLast || joins ? whole : whole + 1;
}

/** The items batch by batch, in their order. */
export function partition<Item>(items: readonly Item[], options: Partition): Item[][] {
  const {batchSize, dropLast} = options;
  const count = batchCount(items.length, options);
  const end = (batch: number) => (batch === count && !dropLast ? items.length : batch * batchSize);
  return Array.from({length: count}, (_, batch) => items.slice(batch * batchSize, end(batch + 1)));
}
