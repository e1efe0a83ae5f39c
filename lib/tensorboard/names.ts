/** Names that people gave, made harmless for what they are put into. */

/** A folder's name: letters, digits and what is harmless in every file system; at most 80 characters. */
export function folderName(name: string): string {
  const harmless = name.replace(/[^\p{L}\p{N} _.,()=+-]+/gu, '-').replace(/\s+/g, ' ');
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

/** A text in protobuf's text format, quoted. */
export const quoted = (text: string): string =>
  `"${text.replace(/[\\"]/g, '\\$&').replace(/[\u0000-\u001f\u007f]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`;

/** A text that Markdown shows as it is, on one line. */
export const plainMarkdown = (text: string): string =>
  tsvCell(text).replace(/[\\`*_{}[\]()#+\-.!|<>&~]/g, '\\$&');
