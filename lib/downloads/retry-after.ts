/**
 * Milliseconds that a host asks to wait by `Retry-After` (RFC 9110, section 10.2.3): seconds, of which some give fractions,
 * or a date by the host's own clock; undefined where it says nothing that can be read.
 */
export function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return 1000 * Number(text);
  const now = Date.parse(headers.get('date') ?? '');
  const wait = Date.parse(text) - (Number.isNaN(now) ? Date.now() : now);
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
