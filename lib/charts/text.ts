/** How names and numbers are written in charts, grids and tables. */

/** A score from 0 to 1 with three decimals: '0.912'. */
export function score(value: number): string {
  return value.toFixed(3);
}

/** 'Validation' of 'validation'. */
export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** A share of 1 in percent, with a space that does not break: '91 %'. */
export function percent(share: number): string {
  return `${Math.round(100 * share)}\u00a0%`;
}

/** A duration as one says it: '48 s', '2.5 min', '42 min', '1 h 20 min'. */
export function duration(seconds: number): string {
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 570) return `${Math.round(seconds / 6) / 10} min`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A learning rate as one writes it by hand: '3e-4', '0.05'. */
export function rate(value: number): string {
  return value !== 0 && value < 0.01
    ? Number(value.toPrecision(2)).toExponential()
    : String(Number(value.toPrecision(2)));
}

/** What stands in, in words: 'stand-in: CIFAR-10 photos, EfficientNet-Lite0 for MobileNetV2'; empty when nothing does. */
export function standInNote(standIns: readonly string[]): string {
  return standIns.length === 0 ? '' : `stand-in: ${standIns.join(', ')}`;
}

/** A title that owns up to what stands in for what was asked for. */
export function heading(title: string, standIns: readonly string[]): string {
  return standIns.length === 0 ? title : `${title} (${standInNote(standIns)})`;
}

/** A text on lines of at most `longest` characters, broken after commas. */
export function inLines(text: string, longest: number): string[] {
  const parts = text === '' ? [] : text.split(/(?<=, )/);
  return parts.reduce<string[]>((lines, part) => {
    const last = lines.at(-1);
    const fits = last !== undefined && (last + part).trimEnd().length <= longest;
    return fits ? [...lines.slice(0, -1), last + part] : [...lines, part];
  }, []);
}
