import {LabError} from './errors';

/**
 * A value's JSON with the keys of objects in order, so that equal values give equal texts; fields that are undefined
 * are left out. Throws a LabError naming the field that JSON cannot hold (a function, NaN, an infinity).
 */
export function canonicalJson(value: unknown, where = 'configuration'): string {
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => canonicalJson(item, `${where}[${index}]`)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field, `${where}.${key}`)}`);
    return `{${fields.join(',')}}`;
  }
  if (value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  const found = typeof value === 'number' ? value : `a ${typeof value}`;
  throw new LabError(`${where} is ${found}, which cannot be stored. Give plain JSON, or leave it out.`);
}
