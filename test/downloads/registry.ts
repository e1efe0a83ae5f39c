/** A server that answers pip and npm as the registries do, and the environment in which they ask it. */
import {createHash} from 'node:crypto';
import type {TestContext} from 'node:test';
import {atEnd} from '../ending';
import {serve, type TestServer} from './server';

export interface Published {
  name: string;
  version: string;
  bytes: Buffer;
  /** What of the bytes is sent. Default: all. */
  sent?: number;
}

export interface Registry extends TestServer {
  /** The paths that were asked for. */
  asked: string[];
}

/** Publishes wheels and npm tarballs on a server of this machine until the test ends. */
export async function publish(
  t: TestContext,
  {wheels = [], tarballs = []}: {wheels?: Published[]; tarballs?: Published[]},
): Promise<Registry> {
  const asked: string[] = [];
  const server: TestServer = await serve((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(path);
    const send = ({bytes, sent = bytes.length}: Published) => response.end(bytes.subarray(0, sent));
    const wheel = wheels.find(({name}) => path === `/simple/${name}/`);
    if (wheel) {
      response.writeHead(200, {'content-type': 'text/html'});
      const file = wheelName(wheel);
      return response.end(`<!DOCTYPE html><html><body><a href="/files/${file}">${file}</a></body></html>`);
    }
    const file = wheels.find((each) => path === `/files/${wheelName(each)}`);
    if (file) return send(file);
    const tarball = tarballs.find(({name}) => path === `/${name}`);
    if (tarball) return response.end(JSON.stringify(packument(tarball, server.url)));
    const archive = tarballs.find(({name}) => path === `/${name}.tgz`);
    if (archive) return send(archive);
    return response.writeHead(404).end();
  });
  const settings = {
    PIP_INDEX_URL: `${server.url}/simple`,
    PIP_FIND_LINKS: '',
    npm_config_registry: `${server.url}/`,
    npm_config_fetch_retries: '0',
  };
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  atEnd(t, async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await server.close();
  });
  return {...server, asked};
}

const wheelName = ({name, version}: Published) => `${name.replaceAll('-', '_')}-${version}-py3-none-any.whl`;

function packument({name, version, bytes}: Published, url: string): object {
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  const dist = {tarball: `${url}/${name}.tgz`, integrity};
  return {name, 'dist-tags': {latest: version}, versions: {[version]: {name, version, dist}}};
}
