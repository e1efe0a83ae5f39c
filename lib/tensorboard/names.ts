/** Names that people gave, made harmless for what they are put into. */

/** A name for folders and for TensorBoard's pages, which put it into addresses as it is; at most 80 characters. */
export function folderName(name: string): string {
  const harmless = name.replace(/[^\p{L}\p{N} _.,()=-]+/gu, '-').replace(/\s+/g, ' ');
  return (
    Array.from(harmless.trim())
      .slice(0, 80)
      .join('')
      .replace(/^\.+|[. ]+$/g, '') || 'run'
  );
}

/** One cell of a table of tab-separated values; never empty, as lines of nothing are skipped. */
export const tsvCell = (text: string): string =>
  text.replace(/[\t\r\n\v\f\u0085\u2028\u2029]+/g, ' ').trim() || '-';

/** A text that Markdown shows as it is, on one line. */
export const plainMarkdown = (text: string): string =>
  tsvCell(text).replace(/[\\`*_{}[\]()#+\-.!|<>&~]/g, '\\$&');
