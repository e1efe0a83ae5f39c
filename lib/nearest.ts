/** Levenshtein's edit distance: the fewest insertions, deletions and substitutions that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({length: b.length + 1}, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[b.length];
}

/**
 * The names a misspelt one probably meant, nearest first, at most `count`: those that contain it, then those within
 * an edit distance of half its length. Case does not matter.
 */
export function nearest(name: string, names: readonly string[], count = 3): string[] {
  const wanted = name.toLowerCase();
  const farthest = Math.max(2, Math.ceil(wanted.length / 2));
  return names
    .map((candidate) => {
      const text = candidate.toLowerCase();
      const contained = wanted.length > 1 && text.includes(wanted);
      return {candidate, distance: contained ? 0 : editDistance(wanted, text)};
    })
    .filter(({distance}) => distance <= farthest)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({candidate}) => candidate);
}
