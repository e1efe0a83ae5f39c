/**
 * Labels by a model that sees pictures. What it answers is kept by photo, question and model before it counts, so nothing
 * is paid twice, whoever stops or kills the work; what it cannot answer is asked once more and then left to a person.
 */
import {createHash} from 'node:crypto';
import {join} from 'node:path';
import {LabError} from '../errors';
import {boundedJpeg, type Picture} from '../pictures';
import {JsonLines, withLock} from '../storage';
import {ChatModel, type ChatOptions, type ModelAddress, type Reply, type Tokens} from './chatModel';
import {type Labels, modelGiver} from './labels';

export interface VisionOptions extends Omit<ChatOptions, 'onRequest'> {
  photos: Iterable<Picture>;
  classes: readonly string[];
  /** Where its labels go. */
  labels: Labels;
  address: ModelAddress;
  /** Where its answers are kept. */
  folder: string;
  /** What it is asked. Default: which of the classes the photo shows. */
  question?: string;
  /** Pixels of the longer side of what it is sent. Default: 512. */
  side?: number;
  /** What else the request says: `{temperature: 0, max_tokens: 50}`. Default: nothing. */
  settings?: Readonly<Record<string, unknown>>;
  /** The most that this call may send. Default: 1,000 requests, any cost. */
  limit?: {requests?: number; cost?: number};
  /** Of a million tokens, in the currency of `limit.cost`. */
  prices?: Tokens;
  /** How many photos are asked about at once. Default: 4. */
  concurrency?: number;
  onProgress?: (progress: VisionProgress) => void;
  /** Told whom the answers are waited for, when another kernel just asks the same. */
  onWait?: (message: string) => void;
  signal?: AbortSignal;
}

export interface VisionProgress {
  /** Photos that have an answer or are left to a person. */
  done: number;
  total: number;
  requests: number;
  /** null without prices. */
  cost: number | null;
}

export interface VisionOutcome {
  /** By whom its labels are: 'model gpt-x'. */
  giver: string;
  /** Photos that it labelled, and those of them whose answer was kept from before. */
  labelled: number;
  reused: number;
  /** Photos that are left to a person, and why. */
  left: {photo: Picture; reason: string}[];
  /** Photos that were not asked about, because a limit was reached. */
  unasked: Picture[];
  /** Of this call. */
  requests: number;
  tokens: Tokens;
  cost: number | null;
  /** Why it ended early; null where it did not. */
  stopped: string | null;
  /** What a reader should know before trusting the labels. */
  warnings: string[];
}

/** One answer, or why it is none; a photo may have two. */
interface KeptAnswer {
  photo: string;
  label: string | null;
  confidence: number | null;
  problem: string | null;
  tokens: Tokens | null;
  time: string;
}

const triesPerPhoto = 2;
const hopelessInARow = 10;
const suspiciousCount = 20;

/**
 * Asks about every photo that has no answer yet and adds the labels, each as it comes. Ends when all is answered, when a
 * limit is reached, or after ten photos in a row without a usable answer, and says so. Throws a LabError where asking on is
 * of no use (see ChatModel.ask) and the signal's reason; what was answered until then is kept.
 */
export async function labelByVisionModel(options: VisionOptions): Promise<VisionOutcome> {
  checkOptions(options);
  const form = formOf(options);
  const {model} = options.address;
  const digest = createHash('sha256')
    .update(JSON.stringify([model, form, options.side ?? defaultSide]))
    .digest('hex');
  const name = `${model.replace(/[^\w.-]+/g, '_').slice(0, 60)}-${digest.slice(0, 12)}.jsonl`;
  const file = join(options.folder, name);
  const {signal, onWait} = options;
  return withLock(`${file}.asking.lock`, `${model} is being asked`, {signal, onWait}, () =>
    new Asking(options, form, new JsonLines(file, answerOf)).run(),
  );
}

class LimitReached extends Error {}

class Asking {
  private readonly photos: Picture[];
  private readonly chat: ChatModel;
  private readonly giver: string;
  /** The usable answers of the photos, by key. */
  private readonly answers = new Map<string, KeptAnswer>();
  private readonly left: VisionOutcome['left'] = [];
  private readonly tries = new Map<string, KeptAnswer[]>();
  private readonly tokens: Tokens = {input: 0, output: 0};
  private requests = 0;
  private asking = 0;
  /** The most that one answer cost. */
  private dearest = 0;
  private inARow = 0;
  private stopped: string | null = null;

  constructor(
    private readonly options: VisionOptions,
    private readonly form: ReturnType<typeof formOf>,
    private readonly kept: JsonLines<KeptAnswer>,
  ) {
    this.photos = [...new Map([...options.photos].map((photo) => [photo.key, photo])).values()];
    this.giver = modelGiver(options.address.model);
    this.chat = new ChatModel(options.address, {...options, onRequest: () => this.countRequest()});
  }

  async run(): Promise<VisionOutcome> {
    for (const answer of this.kept.read().values) {
      this.tries.set(answer.photo, [...(this.tries.get(answer.photo) ?? []), answer]);
    }
    const waiting = this.photos.filter((photo) => !this.settle(photo));
    const reused = this.answers.size;
    this.label([...this.answers.values()]);
    this.report();
    const unasked = await this.askAll(waiting);
    const {left, tokens, requests, stopped, giver, cost} = this;
    const labelled = this.answers.size;
    return {
      giver,
      labelled,
      reused,
      left,
      unasked,
      requests,
      tokens,
      cost,
      stopped,
      warnings: this.warnings(),
    };
  }

  /** Asks about photos; returns those that it did not get to. */
  private async askAll(photos: readonly Picture[]): Promise<Picture[]> {
    const queue = [...photos];
    const failed = new AbortController();
    const {signal, concurrency = 4} = this.options;
    const both = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
    const work = async (most: number): Promise<void> => {
      for (let i = 0; i < most && queue.length > 0 && !this.stopped; i++) {
        const photo = queue.shift()!;
        if (!(await this.askAbout(photo, both))) queue.unshift(photo);
      }
    };
    try {
      // The first one alone: it tells whether address, key and model are right, and what an answer costs.
      await work(1);
      const workers = Array.from({length: concurrency}, () =>
        work(Infinity).catch((error: unknown) => {
          failed.abort(error);
        }),
      );
      await Promise.all(workers);
      failed.signal.throwIfAborted();
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      throw new LabError(`${error.message} The ${this.answers.size} photos answered so far are kept.`);
    }
    return queue;
  }

  /** Asks until the photo has an answer or is left to a person; false when it was stopped before. */
  private async askAbout(photo: Picture, signal: AbortSignal): Promise<boolean> {
    let jpeg: Buffer;
    try {
      jpeg = await boundedJpeg(photo, this.options.side ?? defaultSide);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.left.push({photo, reason: error.message});
      this.report();
      return true;
    }
    const image = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    while (!this.settle(photo)) {
      this.stopped ??= this.limitReached();
      if (this.stopped) return false;
      this.asking++;
      try {
        this.keep(photo, await this.chat.ask(messagesOf(this.form, image), this.form.request, signal));
      } catch (error) {
        if (!(error instanceof LimitReached)) throw error;
        this.stopped ??= error.message;
        return false;
      } finally {
        this.asking--;
      }
    }
    const answer = this.answers.get(photo.key);
    if (answer) this.label([answer]);
    this.inARow = answer ? 0 : this.inARow + 1;
    if (this.inARow >= hopelessInARow) {
      this.stopped ??= `${hopelessInARow} photos in a row got no usable answer, the last because of: ${this.left.at(-1)?.reason}`;
    }
    this.report();
    return true;
  }

  /** Writes an answer down, and what it cost. */
  private keep({key: photo}: Picture, reply: Reply): void {
    const {label, confidence, problem} = judged(reply, this.options.classes);
    const answer = {photo, label, confidence, problem, tokens: reply.tokens, time: new Date().toISOString()};
    this.kept.append([answer]);
    this.tries.set(photo, [...(this.tries.get(photo) ?? []), answer]);
    if (reply.tokens) {
      this.tokens.input += reply.tokens.input;
      this.tokens.output += reply.tokens.output;
      this.dearest = Math.max(this.dearest, costOf(reply.tokens, this.options.prices) ?? 0);
    } else if (this.options.limit?.cost !== undefined) {
      this.stopped ??= `the answers do not tell their tokens (usage), so that the limit of the cost cannot be kept`;
    }
  }

  /** Whether nothing more is to be asked about a photo; then it counts as answered or is left to a person. */
  private settle(photo: Picture): boolean {
    const tries = this.tries.get(photo.key) ?? [];
    const answer = tries.find(({label}) => label !== null);
    if (answer) this.answers.set(photo.key, answer);
    else if (tries.length >= triesPerPhoto) {
      this.left.push({photo, reason: tries.at(-1)?.problem ?? 'no usable answer'});
    } else return false;
    return true;
  }

  /** Adds labels, but those that this model gave before. */
  private label(answers: readonly KeptAnswer[]): void {
    const {labels} = this.options;
    const before = labels.standing([this.giver]);
    const news = answers.filter(({photo, label}) => before.get(photo)?.label !== label);
    labels.add(
      ...news.map(({photo, label, confidence}) => ({photo, label: label!, confidence, by: this.giver})),
    );
  }

  private limitReached(): string | null {
    const {cost = Infinity} = this.options.limit ?? {};
    // What is under way counts as if each cost as much as the dearest.
    const foreseen = (this.cost ?? 0) + (this.asking + 1) * this.dearest;
    return foreseen > cost ? `the limit of the cost, ${cost}, is reached` : null;
  }

  private countRequest(): void {
    const {requests = 1000} = this.options.limit ?? {};
    if (this.requests >= requests) throw new LimitReached(`the limit of ${requests} requests is reached`);
    this.requests++;
  }

  private get cost(): number | null {
    return costOf(this.tokens, this.options.prices);
  }

  private report(): void {
    const {answers, left, photos, requests, cost} = this;
    this.options.onProgress?.({done: answers.size + left.length, total: photos.length, requests, cost});
  }

  private warnings(): string[] {
    const said = new Set([...this.answers.values()].map(({label}) => label));
    if (this.answers.size < suspiciousCount || said.size > 1) return [];
    const {model} = this.options.address;
    return [
      `${model} says '${[...said][0]}' of all ${this.answers.size} photos. Look at some: unless they show nothing else, it ` +
        `does not see them. Take another model, or hold its labels against a sample checked by hand.`,
    ];
  }
}

const defaultSide = 512;

/** What is asked, and the form of the answer; it names what the kept answers belong to. */
function formOf({classes, question = 'Which of the classes does this photo show?', settings}: VisionOptions) {
  const schema = {
    type: 'object',
    properties: {
      label: {type: 'string', enum: classes},
      confidence: {type: 'number', description: 'from 0 (a guess) to 1 (sure)'},
    },
    required: ['label', 'confidence'],
    additionalProperties: false,
  };
  const instruction = `${question} Classes: ${classes.join(', ')}. Answer with JSON: {"label": one of the classes, "confidence": 0 to 1}.`;
  const response_format = {type: 'json_schema', json_schema: {name: 'photo_label', strict: true, schema}};
  return {instruction, request: {...settings, response_format}};
}

function messagesOf({instruction}: ReturnType<typeof formOf>, image: string) {
  const content = [
    {type: 'text', text: instruction},
    {type: 'image_url', image_url: {url: image}},
  ];
  return [{role: 'user', content}];
}

/** The answer in a reply; some models put their JSON into a fence of backquotes. */
function judged(
  {text, problem}: Reply,
  classes: readonly string[],
): Pick<KeptAnswer, 'label' | 'confidence' | 'problem'> {
  const none = (reason: string) => ({label: null, confidence: null, problem: reason});
  if (text === null) return none(problem ?? 'no answer');
  const json = text.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/, '$1');
  try {
    const {label, confidence} = JSON.parse(json) as Record<string, unknown>;
    if (typeof label !== 'string' || !classes.includes(label)) {
      return none(`'${String(label).slice(0, 60)}' is no class`);
    }
    if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) {
      return none('its confidence is not from 0 to 1');
    }
    return {label, confidence, problem: null};
  } catch {
    return none(`no JSON: ${json.slice(0, 60)}`);
  }
}

function costOf({input, output}: Tokens, prices: Tokens | undefined): number | null {
  return prices ? (input * prices.input + output * prices.output) / 1e6 : null;
}

function answerOf(value: unknown): KeptAnswer {
  const {photo, label, problem} = (value ?? {}) as Record<string, unknown>;
  if (typeof photo !== 'string' || (typeof label !== 'string') === (typeof problem !== 'string')) {
    throw new Error('no answer about a photo');
  }
  return value as KeptAnswer;
}

function checkOptions({
  classes,
  limit = {},
  prices,
  side = defaultSide,
  concurrency = 4,
  labels,
}: VisionOptions): void {
  if (new Set(classes).size < 2) {
    throw new LabError(`The classes are ${classes.join(', ') || 'none'}. Give two or more to tell apart.`);
  }
  const strange = classes.find((name) => labels.classes && !labels.classes.includes(name));
  if (strange !== undefined) {
    throw new LabError(
      `'${strange}' is no class of ${labels.file}: ${labels.classes?.join(', ')}. Give the same classes.`,
    );
  }
  for (const [name, value, least] of [
    ['limit.requests', limit.requests ?? 1, 0],
    ['limit.cost', limit.cost ?? 1, 0],
    ['prices.input', prices?.input ?? 1, 0],
    ['prices.output', prices?.output ?? 1, 0],
    ['side', side, 32],
    ['concurrency', concurrency, 1],
  ] as const) {
    if (!(value >= least)) throw new LabError(`${name} is ${value}. Give ${least} or more.`);
  }
  if (limit.cost !== undefined && !prices) {
    throw new LabError(
      'A limit of the cost needs prices: give prices: {input, output}, of a million tokens, from the price list of the model.',
    );
  }
}
