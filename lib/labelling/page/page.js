// One photo after another: what is pressed goes to the kernel, what it answers is shown. Names of photos and classes are
// only ever set as text.

/**
 * @typedef {import('../session').SessionState} SessionState
 */

/** @type {<T extends HTMLElement>(id: string) => T} */
const byId = (id) => /** @type {any} */ (document.getElementById(id));
const image = /** @type {HTMLImageElement} */ (byId('photo'));
const progress = /** @type {HTMLProgressElement} */ (byId('progress'));
const everyMs = 2000;

/** @type {SessionState | null} */
let state = null;
/** Until the kernel has answered a press, further ones do nothing. */
let busy = false;
/** How many presses there were: what was asked before the last one is old. */
let presses = 0;

/**
 * @param {'state' | 'label' | 'undo' | 'skip' | 'finish'} action
 * @param {string} [label]
 */
async function ask(action, label) {
  if (busy || state?.ended) return;
  if (action !== 'state') [busy, presses] = [true, presses + 1];
  const asked = presses;
  try {
    const body = JSON.stringify({photo: state?.photo?.number ?? null, label});
    const headers = {'content-type': 'application/json'};
    const request = action === 'state' ? {} : {method: 'POST', headers, body};
    const response = await fetch(action, request);
    const answer = await response.json();
    if (asked !== presses) return;
    if (answer.error) byId('message').textContent = answer.error;
    else show(answer);
  } catch {
    byId('message').textContent =
      'The notebook no longer answers. All labels given so far are in its file; run its cell again to go on.';
  } finally {
    if (action !== 'state') busy = false;
  }
}

/** @param {SessionState} next */
function show(next) {
  const {photo, classes, done, total, labelled, skipped, others, ended, waits} = next;
  const isNew = photo?.number !== state?.photo?.number;
  const isFirst = state === null;
  state = next;
  document.title = next.title;
  byId('title').textContent = next.title;
  progress.max = Math.max(total, 1);
  progress.value = done;
  const parts = [`${done} of ${total}`, `${labelled} labelled`];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (others > 0) parts.push(`${others} by others`);
  byId('count').textContent = parts.join(' · ');
  if (isFirst) byId('classes').replaceChildren(...classes.map(button));
  image.hidden = photo === null;
  if (photo && isNew) image.src = `photo/${photo.number}.jpg`;
  byId('name').textContent = photo?.name ?? '';
  byId('others').textContent = (photo?.others ?? []).map(({by, label}) => `${by} says ${label}.`).join(' ');
  byId('message').textContent = ended
    ? `Finished: ${labelled} labelled. This page can be closed.`
    : photo
      ? ''
      : waits
        ? 'Waiting for the next photos …'
        : 'All photos are done. Press Enter to finish.';
  for (const {disabled, element} of [
    {element: 'undo', disabled: ended !== null || !next.canUndo},
    {element: 'skip', disabled: ended !== null || photo === null},
    {element: 'finish', disabled: ended !== null},
  ]) {
    /** @type {HTMLButtonElement} */ (byId(element)).disabled = disabled;
  }
  for (const each of byId('classes').querySelectorAll('button')) each.disabled = photo === null;
}

/** @param {SessionState['classes'][number]} of */
function button({name, keys}) {
  const element = document.createElement('button');
  element.append(name);
  for (const key of keys) {
    const hint = document.createElement('kbd');
    hint.textContent = key;
    element.append(' ', hint);
  }
  element.addEventListener('click', () => void ask('label', name));
  return element;
}

document.addEventListener('keydown', (event) => {
  const undoes = event.key === 'Backspace' || (event.key === 'z' && (event.ctrlKey || event.metaKey));
  if (!undoes && (event.ctrlKey || event.metaKey || event.altKey)) return;
  const meant = state?.classes.find(({keys}) => keys.includes(event.key.toLowerCase()));
  const finishes = event.key === 'Enter' && state?.photo === null && !state.waits;
  if (!undoes && !meant && event.key !== ' ' && !finishes) return;
  event.preventDefault();
  // A key that is held down counts once.
  if (event.repeat) return;
  if (undoes) void ask('undo');
  else if (finishes) void ask('finish');
  else if (state?.photo) void (meant ? ask('label', meant.name) : ask('skip'));
});
for (const action of /** @type {const} */ (['undo', 'skip', 'finish'])) {
  byId(action).addEventListener('click', () => void ask(action));
}
setInterval(() => void ask('state'), everyMs);
void ask('state');
