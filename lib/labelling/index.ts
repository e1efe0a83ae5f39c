/** Labels apart from the photos: who gave them, by which way, and what to ask next. */
export {isByModel, type Label, Labels, modelGiver, type NewLabel} from './labels';
