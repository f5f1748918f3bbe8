/** Keys stay where they are: nothing that the API, its errors, events, metrics or a careless log line says holds one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GatewayStatus } from '../../src/controller/gateway-status.js';
import { openPairings, pairingKey, type Pairing, type PairingStore } from '../../src/gateway/pairing/index.js';
import { useApi } from '../helpers/api.js';
import { fakeGateway } from '../helpers/fake-gateways.js';
import { useStateDirectory } from '../helpers/state-directory.js';

const makeApi = useApi();
const makeDirectory = useStateDirectory();

/** Every way in which 32 bytes are usually written, and pieces of them. */
function spellings(key: Uint8Array): string[] {
  const bytes = Buffer.from(key);
  const list = [...bytes];
  return [
    bytes.toString('hex').slice(0, 24),
    bytes.toString('hex').slice(24, 48),
    bytes.toString('base64url').slice(0, 16),
    bytes.toString('base64').slice(4, 20),
    list.slice(0, 8).join(','),
    list.slice(0, 8).join(', '),
    list
      .slice(0, 4)
      .map((byte, index) => `"${index}":${byte}`)
      .join(','),
    list
      .slice(0, 6)
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' '),
  ];
}

/** What a controller that is careless with its words would tell: whole pairings in causes. */
function careless(pairing: Pairing): GatewayStatus {
  const words = [JSON.stringify(pairing), inspect(pairing, { depth: null }), String(pairing.keys[0]!.key)].join(' ');
  return fakeGateway({
    name: pairing.name,
    id: pairing.peer,
    keyIds: pairing.keys.map(({ id }) => id),
    cause: words,
    why: words,
  });
}

function errorsOf(store: PairingStore, pairing: Pairing): string[] {
  const twin = { ...pairing, name: 'twin' };
  return [() => store.add(pairing), () => store.add(twin), () => store.rotate('nobody', pairing.keys[0]!)].map(
    (act) => {
      try {
        act();
      } catch (error) {
        return `${String(error)} ${inspect(error)}`;
      }
      return expect.fail('it was to be refused');
    },
  );
}

const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => new Set(bytes).size > 8);

test('no answer, problem, event, metric or log line holds a key', async () => {
  await fc.assert(
    fc.asyncProperty(keyBytes, keyBytes, async (first, second) => {
      fc.pre(!Buffer.from(first).equals(Buffer.from(second)));
      const directory = makeDirectory();
      const store = openPairings({ stateDirectory: directory, side: 'nodes' });
      store.add({ name: 'phone', peer: null, approved: true, keys: [pairingKey(first, 0)] });
      store.rotate('phone', pairingKey(second, 1));
      const path = join(directory, 'nodes', 'phone.json');
      const stored = readFileSync(path, 'utf8');
      // The oracle is one: where the keys are, it finds them.
      for (const key of [first, second]) expect(spellings(key).some((text) => stored.includes(text))).toBe(true);

      const { app, service } = makeApi();
      const pairing = store.find('phone')!;
      service.gatewaysStatus.gateways = [careless(pairing)];
      const { cause } = service.gatewaysStatus.gateways[0]!;
      service.record({ kind: 'gateway', gateway: 'phone', from: 'offered', to: 'electing', cause, atUs: 0 });
      const said = [...errorsOf(store, pairing)];
      writeFileSync(path, stored.slice(0, -20));
      store.reload();
      said.push(JSON.stringify(store.problems()), JSON.stringify(store.list()));
      for (const [method, url] of [
        ['GET', '/v1/gateways'],
        ['GET', '/v1/gateways/phone'],
        ['GET', '/v1/events'],
        ['GET', '/metrics'],
        ['GET', '/openapi.json'],
        ['POST', '/v1/gateways/reload'],
        ['POST', '/v1/gateways/phone/approve'],
        ['GET', '/v1/gateways/nobody'],
        ['DELETE', '/v1/gateways/phone'],
      ] as const) {
        said.push((await app.inject({ method, url })).body);
      }
      for (const text of said)
        for (const key of [first, second]) for (const part of spellings(key)) expect(text).not.toContain(part);
    }),
    { numRuns: 8 },
  );
}, 60_000);
