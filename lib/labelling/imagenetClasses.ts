/**
 * Which of ImageNet's 1,000 classes mean a class that is wanted. Numbers are places in the order of ILSVRC 2012
 * (Russakovsky et al. 2015, arXiv:1409.0575), that of WordNet's identifiers, as torchvision, timm and Keras have it.
 */
import {LabError} from '../errors';

/** The places from `first` to `last`. */
const from = (first: number, last: number): number[] =>
  Array.from({length: last - first + 1}, (_, place) => first + place);

/** By the singular of a class's name. */
export const imagenetClasses: Readonly<Record<string, readonly number[]>> = {
  /**
   * The domestic ones: tabby (n02123045) to Egyptian cat (n02124075). Cougar to cheetah (286 to 293) are other animals,
   * and whoever collects cats does not mean them.
   */
  cat: from(281, 285),
  /** The breeds: Chihuahua (n02085620) to Mexican hairless (n02113978). Wolves and wild dogs follow them (269 to 275). */
  dog: from(151, 268),
};

/** ImageNet's places for a class, whose name may be a plural: 'Cats'. Throws a LabError where none are known. */
export function imagenetPlaces(name: string): readonly number[] {
  const singular = name.toLowerCase().replace(/s$/, '');
  const places = imagenetClasses[singular];
  if (places) return places;
  throw new LabError(
    `Which of ImageNet's classes mean "${name}" is known for ${Object.keys(imagenetClasses).join(' and ')} alone. ` +
      `Give their numbers: places: {${JSON.stringify(name)}: [...]}.`,
  );
}
