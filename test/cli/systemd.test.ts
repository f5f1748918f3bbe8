/** What systemd is told by `detour run` in a unit with Type=notify. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../helpers/poll.js';
import { RouterNetns } from '../helpers/router-netns.js';

let router: RouterNetns;
beforeEach(() => {
  router = new RouterNetns();
});
afterEach(() => router.remove());

/** Plays systemd: prints the first datagram, then ends. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print('listening', flush=True)
print(s.recv(100).decode(), flush=True)
`;

test.each([
  ['a socket with a path', () => join(router.directory, 'notify')],
  ['an abstract socket', () => `@dt-notify-${process.pid}`],
])('that it is ready is told once: %s', async (_, socketOf) => {
  const socket = socketOf();
  // Abstract names belong to a network namespace.
  const netns = `--net=${router.netns.path}`;
  const listener = spawn('nsenter', [netns, 'python3', '-c', LISTENER, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let heard = '';
    listener.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await until(() => heard === 'listening\n', { timeoutMs: 30_000, what: 'a listener' });
    const running = await router.run(router.config().file, ['env', `NOTIFY_SOCKET=${socket}`]);
    await until(() => heard === 'listening\nREADY=1\n', { timeoutMs: 30_000, what: 'READY=1' });
    expect(await router.stop(running)).toBe(0);
  } finally {
    listener.kill('SIGKILL');
  }
});
