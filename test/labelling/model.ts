/** A server that behaves like an OpenAI-compatible address, and photos to ask about. */
import * as fs from 'node:fs';
import type {IncomingHttpHeaders, IncomingMessage, ServerResponse} from 'node:http';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import sharp from 'sharp';
import {PhotoFile, type Picture} from '../../lib/pictures';
import {serve} from '../downloads/server';

export interface Asked {
  path: string;
  headers: IncomingHttpHeaders;
  model: string;
  messages: {role: string; content: {type: string; text?: string; image_url?: {url: string}}[]}[];
  response_format: {json_schema: {strict: boolean; schema: {properties: {label: {enum: string[]}}}}};
  /** The red of the photo's middle, by which a test tells it. */
  red: number;
}

export type Behaviour = (asked: Asked, response: ServerResponse, count: number) => unknown;

/** Starts it; `behave` answers, also with the number of questions that came before. */
export async function startModel(behave: Behaviour) {
  const asked: Asked[] = [];
  const {url, close} = await serve((request, response) => void answer(request, response));
  return {url: `${url}/v1`, asked, close};

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as Omit<Asked, 'red' | 'path' | 'headers'>;
    const [, base64] = body.messages[0].content[1].image_url!.url.split('base64,');
    const {data} = await sharp(Buffer.from(base64, 'base64'))
      .removeAlpha()
      .raw()
      .toBuffer({resolveWithObject: true});
    const question = {...body, path: request.url!, headers: request.headers, red: data[0]};
    asked.push(question);
    behave(question, response, asked.length - 1);
  }
}

/** An answer as the API gives it. */
export function say(
  response: ServerResponse,
  content: unknown,
  choice: object = {},
  usage: object | null = {},
): void {
  const message = {
    role: 'assistant',
    content: typeof content === 'string' ? content : JSON.stringify(content),
  };
  json(response, 200, {
    choices: [{index: 0, finish_reason: 'stop', message, ...choice}],
    ...(usage && {usage: {prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100, ...usage}}),
  });
}

export function json(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, {'content-type': 'application/json', ...headers});
  response.end(JSON.stringify(body));
}

export const refuse = (
  response: ServerResponse,
  status: number,
  error: object = {},
  headers: object = {},
): void => json(response, status, {error}, headers);

/** The photo of this number has so much red; even ones are to be called cat. */
export const redOf = (index: number): number => 10 * index;
export const indexOf = ({red}: Asked): number => Math.round(red / 10);

/** Photos of 600 x 300 pixels in a folder, up to 25 of them. */
export async function drawPhotos(folder: string, count: number): Promise<Picture[]> {
  fs.mkdirSync(folder, {recursive: true});
  return Promise.all(
    Array.from({length: count}, async (_, index) => {
      const file = join(folder, `photo ${index}.png`);
      const background = {r: redOf(index), g: 100, b: 50};
      await sharp({create: {width: 600, height: 300, channels: 3, background}})
        .png()
        .toFile(file);
      return new PhotoFile(file, `photo ${index}.png`, `key-${index}`);
    }),
  );
}
