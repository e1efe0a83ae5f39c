/**
 * Stand-ins: what is taken where photos or pretrained weights can be had neither on this machine nor from a mirror nor
 * from their own hosts. Which one it is, the catalogue and the architectures say; a run carries the names of its own, so
 * that every title can tell.
 */
import {join} from 'node:path';
import {architectureNames, findArchitecture, weightsAtHand} from '../backbones';
import {catalogued, hasPhotos} from '../datasets';
import {contact, mirrorOf, whySilent} from '../downloads';

export interface StandIn {
  /** 'CIFAR-10 photos', 'EfficientNet-Lite0', 'random weights'. */
  what: string;
  /** What it stands in for: 'Garbage Classification (TrashNet)', 'MobileNetV2'. */
  for: string;
  /** Why that cannot be had, in one line. */
  reason: string;
}

export interface Surroundings {
  /** The project's folder. */
  folder: string;
  mirror?: string;
  signal?: AbortSignal;
}

/** Places that were tried, in one line without private paths: 'the mirror: ...; www.example.org: the host is not found'. */
export function reasonInOneLine(tried: readonly {place: string; reason: string}[]): string {
  const reasons = tried.map(({place, reason}) => {
    const host = URL.canParse(place)
      ? new URL(place).host
      : place.startsWith('mirror ')
        ? 'the mirror'
        : place;
    return `${host}: ${reason}`;
  });
  return [...new Set(reasons)].join('; ');
}

/** The one line that tells how to get the real photos and weights. */
export const remedy =
  'To get the real ones: run where these hosts can be reached, or set LAB_MIRROR to a folder or base URL that holds ' +
  'datasets/<file> and weights/<architecture>.safetensors.';

/**
 * What will stand in for a catalogued data set and for the architectures, as far as asking their hosts can tell; at once
 * and without the network where all is at hand or a mirror is named. All hosts are asked side by side, in 4 s at most.
 */
export async function foreseeStandIns(
  dataset: string,
  {folder, mirror, signal}: Surroundings,
): Promise<StandIn[]> {
  const entry = catalogued(dataset);
  if (!entry || mirrorOf({mirror})) return [];
  const photos = hasPhotos(entry, join(folder, 'data'))
    ? []
    : [{name: entry.title, what: photosInstead(entry.standIn?.of), addresses: addressesOf(dataset)}];
  const networks = architectureNames.flatMap((name) => {
    const architecture = findArchitecture(name);
    const {title, weights, standIn} = architecture;
    if (!weights || !('url' in weights.source)) return [];
    if (weightsAtHand(architecture, {folder: join(folder, 'models', 'weights'), mirror})) return [];
    const what = standIn ? findArchitecture(standIn).title : 'random weights';
    return [{name: title, what, addresses: [weights.source.url]}];
  });
  const wanted = [...photos, ...networks];
  if (!process.env.LAB_OFFLINE) {
    const others = photos.length > 0 && entry.standIn ? addressesOf(entry.standIn.of) : [];
    await contact([...wanted.flatMap(({addresses}) => addresses), ...others], signal);
  }
  return wanted.flatMap(({name, what, addresses}) => {
    const failed = addresses.map((place) => ({place, reason: whyUnreachable(place)}));
    const isReachable = failed.some(({reason}) => reason === null);
    if (isReachable) return [];
    return [{what, for: name, reason: reasonInOneLine(failed as {place: string; reason: string}[])}];
  });
}

const whyUnreachable = (address: string): string | null =>
  process.env.LAB_OFFLINE ? 'not tried, because LAB_OFFLINE is set' : whySilent(address);

const photosInstead = (of?: string): string => (of ? `${catalogued(of)?.title} photos` : 'drawings');

const addressesOf = (dataset: string): string[] =>
  catalogued(dataset)?.archives.flatMap(({addresses}) => addresses) ?? [];

/** Stand-ins in three lines: what stands in for what, why, and the remedy; no lines where nothing does. */
export function standInsInWords(standIns: readonly StandIn[]): string[] {
  if (standIns.length === 0) return [];
  const named = standIns
    .filter(({what}) => what !== 'random weights')
    .map((each) => `${each.what} for ${each.for}`);
  const random = standIns.filter(({what}) => what === 'random weights').map((each) => each.for);
  const others = random.length > 3 ? 'every other architecture' : random.join(', ');
  const start = random.length > 0 ? [`random weights to start from for ${others}`] : [];
  const reasons = new Set(standIns.flatMap(({reason}) => reason.split('; ')));
  return [`Stand-ins: ${[...named, ...start].join('; ')}.`, `Why: ${[...reasons].join('; ')}.`, remedy];
}
