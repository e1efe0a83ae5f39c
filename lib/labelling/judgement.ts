/** What a person, a model or a network says that a photo shows. */
export interface Judgement {
  /** The name of a class. */
  label: string;
  /** From 0 to 1. */
  confidence: number;
}
