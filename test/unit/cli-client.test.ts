import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targetFrom } from '../../src/cli/client-options.js';
import { SseParser } from '../../src/cli/sse.js';
import { watch } from '../../src/cli/watch.js';

describe('where the controller is', () => {
  it.each([
    [{}, {}, { kind: 'socket', path: '/run/detour/detour.sock' }],
    [{}, { DETOUR_SOCKET: '/a' }, { kind: 'socket', path: '/a' }],
    [{ socket: '/b' }, { DETOUR_SOCKET: '/a', DETOUR_URL: 'http://x' }, { kind: 'socket', path: '/b' }],
    [
      { url: 'http://r:8068' },
      { DETOUR_SOCKET: '/a', DETOUR_TOKEN: 't' },
      { kind: 'url', url: new URL('http://r:8068'), token: 't' },
    ],
    [{}, { DETOUR_URL: 'https://r' }, { kind: 'url', url: new URL('https://r'), token: null }],
    [{ url: 'http://r', token: 'o' }, { DETOUR_TOKEN: 't' }, { kind: 'url', url: new URL('http://r'), token: 'o' }],
  ])('%j with %j is %j', (options, environment, target) => {
    expect(targetFrom(options, environment)).toEqual(target);
  });

  it.each([
    [{ socket: '/a', url: 'http://r' }, 'exclude each other'],
    [{ url: 'router:8068' }, '"router:8068" is no address of an API'],
    [{ url: 'ftp://r' }, 'is no address of an API'],
    [{ token: 't' }, '--token needs --url'],
  ])('%j is a wrong usage', (options, message) => {
    expect(() => targetFrom(options, {})).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
    );
  });
});

describe('server-sent events', () => {
  const stream =
    'retry: 1000\n\n: still here\n\nid: 7\nevent: path\ndata: {"a":1}\n\ndata: x\ndata: y\n\nid: 9\r\ndata\r\n\r\n';
  const messages = [
    { id: '7', event: 'path', data: '{"a":1}' },
    { id: '7', event: 'message', data: 'x\ny' },
    { id: '9', event: 'message', data: '' },
  ];

  it('are parsed alike wherever the chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 }), (cuts) => {
        const parser = new SseParser();
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const found = places.slice(1).flatMap((end, index) => parser.push(stream.slice(places[index], end)));
        expect(found).toEqual(messages);
      }),
    );
  });

  it('that are not complete are not given', () => {
    expect(new SseParser().push('id: 1\ndata: half')).toEqual([]);
  });
});

describe('a watched screen', () => {
  async function run(frames: string[][], rows = 24): Promise<string> {
    let written = '';
    const stop = new AbortController();
    const screen = { write: (text: string) => void (written += text), rows: () => rows };
    let next = 0;
    const draw = async (): Promise<string[]> => {
      if (next === frames.length - 1) setImmediate(() => stop.abort());
      return frames[next++]!;
    };
    await watch(draw, { screen, everyMs: 1, signal: stop.signal });
    return written;
  }

  it('draws each frame over the last one and gives the terminal back', async () => {
    const written = await run([['one'], ['two']]);
    expect(written).toBe(
      '\u001b[?1049h\u001b[?25l' +
        '\u001b[Hone\u001b[K\u001b[J' +
        '\u001b[Htwo\u001b[K\u001b[J' +
        '\u001b[?25h\u001b[?1049l',
    );
  });

  it('never writes more lines than there are rows', async () => {
    const written = await run([Array.from({ length: 30 }, (_, i) => `line ${i}`)], 5);
    expect(written).toContain('line 3\u001b[K\r\n... 26 more lines');
    expect(written).not.toContain('line 4');
  });

  it('gives the terminal back when drawing fails', async () => {
    let written = '';
    const screen = { write: (text: string) => void (written += text), rows: () => 24 };
    const draw = (): Promise<string[]> => Promise.reject(new Error('broken'));
    const watching = watch(draw, { screen, everyMs: 1, signal: new AbortController().signal });
    await expect(watching).rejects.toThrow('broken');
    expect(written.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  });
});
