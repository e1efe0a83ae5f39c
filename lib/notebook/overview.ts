import {partNames, type Split} from '../datasets';
import {engineReport} from '../engine';
import {precisionInWords, standInsInWords, type Workspace} from '../experiments';
import {escapeHtml} from '../html';

/** Versions, device, and what the photos are and how they were split, as HTML. */
export function overviewTable(workspace: Workspace): string {
  const {dataset, split, standIns} = workspace;
  const engine = engineReport();
  const conflicts = dataset.conflicts.map(({paths}) => paths.join(' = '));
  const rows: [string, string][] = [
    [
      'Engine',
      `TensorFlow ${engine.tensorflow}, ${engine.device}, ${engine.threads} threads, oneDNN ${engine.oneDNN ? 'on' : 'off'}`,
    ],
    ['Precision', precisionInWords()],
    [
      'Photos',
      `${dataset.name}: ${dataset.photos.length} in ${dataset.classes.length} classes (${dataset.source}; ${dataset.licence})`,
    ],
    ['Split', splitInWords(split)],
    ...(split.notes.length > 0
      ? [['Since the state before', split.notes.join('\n')] as [string, string]]
      : []),
    ['Skipped files', firstOf(dataset.skipped.map(({path, reason}) => `${path} (${reason})`))],
    ['One picture, two labels', firstOf(conflicts)],
  ];
  if (dataset.leftAside.length > 0) rows.push(['Left aside', firstOf(dataset.leftAside)]);
  if (dataset.notes.length > 0) rows.push(['Notes', dataset.notes.join('\n')]);
  if (split.crossing.count > 0) {
    const pairs = split.crossing.examples.map((pair) => pair.join(' = ')).join('; ');
    const count = `${split.crossing.count} pictures also stand, nearly the same, in a part before theirs`;
    rows.push(['Near-duplicates across parts', `${count}: ${pairs}`]);
  }
  if (standIns.length > 0) rows.push(['Stand-ins', standInsInWords(standIns).join('\n')]);
  const cells = ([name, value]: [string, string]) =>
    `<tr><th style="text-align:left;vertical-align:top">${escapeHtml(name)}</th><td${name === 'Stand-ins' ? ' class="stand-ins"' : ''} style="text-align:left;white-space:pre-line">${escapeHtml(value)}</td></tr>`;
  return `<table>${rows.map(cells).join('')}</table>`;
}

/** 'seed 42: train 10, val 5, test 5'; 'as its authors made it: ...'; 'state 2, seed 42: ...' where the set has grown. */
function splitInWords({seed, given, parts, state}: Split): string {
  const growing = state > 1 ? `state ${state}, ` : '';
  const present = partNames.filter((part) => parts[part].length > 0);
  const sizes = present.map((part) => `${part} ${parts[part].length}`).join(', ');
  if (given.length === 0) return `${growing}seed ${seed}: ${sizes}`;
  const drawn = given.includes('val')
    ? ''
    : `, the validation part drawn from the training part with seed ${seed}`;
  const absent = parts.test.length === 0 ? '; there is no test part' : '';
  return `${growing}as its authors made it${drawn}: ${sizes}${absent}`;
}

/** A list in words, its end left out where it is long. */
function firstOf(items: readonly string[], most = 20): string {
  if (items.length === 0) return 'none';
  const more = items.length > most ? `; and ${items.length - most} more` : '';
  return items.slice(0, most).join('; ') + more;
}
