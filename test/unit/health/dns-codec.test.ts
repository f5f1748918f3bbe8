/** The DNS codec: what it asks, what it accepts, and that no datagram whatever makes it throw or wait for ever. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeQuery, readResponse } from '../../../src/health/active/dns-codec.js';

const query = encodeQuery(0x1234, 'www.example.org', 'A');

/** The answer of a server: header flags, question echoed, then `records`. */
function answer(options: { flags?: number; question?: Uint8Array; answers?: number; records?: number[] }): Uint8Array {
  const { flags = 0x8180, question = query, answers = 0, records = [] } = options;
  const message = Uint8Array.from([...question, ...records]);
  const view = new DataView(message.buffer);
  view.setUint16(2, flags);
  view.setUint16(6, answers);
  return message;
}

/** "www.example.org" by a pointer to the question, A IN, TTL 60, 192.0.2.1 */
const recordA = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];

describe('a DNS query', () => {
  it('is one question with recursion desired', () => {
    expect(Buffer.from(query).toString('hex')).toBe(
      '1234' +
        '0100' +
        '0001' +
        '0000' +
        '0000' +
        '0000' +
        '03777777' +
        '076578616d706c65' +
        '036f7267' +
        '00' +
        '0001' +
        '0001',
    );
  });

  it('takes the root and names with a final dot', () => {
    expect(
      Buffer.from(encodeQuery(1, '.', 'NS'))
        .subarray(12)
        .toString('hex'),
    ).toBe('0000020001');
    expect(encodeQuery(1, 'example.org.', 'SOA')).toEqual(encodeQuery(1, 'example.org', 'SOA'));
  });

  it.each(['a..b', `${'x'.repeat(64)}.org`, 'bücher.example', `${'abcdefg.'.repeat(32)}org`])('refuses %s', (name) => {
    expect(() => encodeQuery(1, name, 'A')).toThrow(RangeError);
  });
});

describe('a DNS answer', () => {
  it.each([
    ['NOERROR with a record', answer({ answers: 1, records: recordA }), 'NOERROR'],
    ['NOERROR without', answer({}), 'NOERROR'],
    ['NXDOMAIN', answer({ flags: 0x8183 }), 'NXDOMAIN'],
    ['SERVFAIL', answer({ flags: 0x8182 }), 'SERVFAIL'],
    ['REFUSED', answer({ flags: 0x8185 }), 'REFUSED'],
    ['an rcode without a name', answer({ flags: 0x818b }), 'RCODE 11'],
    ['truncated before its records', answer({ flags: 0x8380, answers: 3 }), 'NOERROR'],
  ])('is understood: %s', (_, message, rcode) => {
    expect(readResponse(query, message)).toEqual({ kind: 'answer', rcode });
  });

  it('may refuse with the bare header', () => {
    const message = answer({ flags: 0x8181 }).slice(0, 12);
    new DataView(message.buffer).setUint16(4, 0);
    expect(readResponse(query, message)).toEqual({ kind: 'answer', rcode: 'FORMERR' });
  });

  it('may echo the name in other letters', () => {
    const echoed = Uint8Array.from(query);
    echoed[13] = 'W'.charCodeAt(0);
    expect(readResponse(query, answer({ question: echoed })).kind).toBe('answer');
  });

  it.each([
    ['another id', answer({ question: encodeQuery(0x1235, 'www.example.org', 'A') })],
    ['another name', answer({ question: encodeQuery(0x1234, 'www.example.net', 'A') })],
    ['another type', answer({ question: encodeQuery(0x1234, 'www.example.org', 'AAAA') })],
    ['the query itself', query],
    ['a notification', answer({ flags: 0xa400 })],
    ['half a header', answer({}).subarray(0, 11)],
    ['nothing', new Uint8Array(0)],
  ])('is not ours: %s', (_, message) => {
    expect(readResponse(query, message)).toEqual({ kind: 'unrelated' });
  });

  it.each([
    ['a record cut short', answer({ answers: 1, records: recordA.slice(0, -6) }), 'is cut short'],
    ['data past the end', answer({ answers: 1, records: recordA.with(11, 5) }), 'runs past the end'],
    ['fewer records than promised', answer({ answers: 2, records: recordA }), 'record 2 of 2'],
    ['a pointer to itself', answer({ answers: 1, records: [0xc0, 33, ...recordA.slice(2)] }), 'broken name'],
    ['a pointer into the header', answer({ answers: 1, records: [0xc0, 4, ...recordA.slice(2)] }), 'broken name'],
    ['a label of a reserved kind', answer({ answers: 1, records: [0x80, ...recordA] }), 'broken name'],
  ])('is malformed: %s', (_, message, detail) => {
    const verdict = readResponse(query, message);
    expect(verdict.kind).toBe('malformed');
    expect(verdict).toHaveProperty('detail', expect.stringContaining(detail));
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readResponse(query, bytes);
      }),
    );
  });

  it('never throws on a good answer with some bytes changed or cut off, and never takes one for a good record', () => {
    const good = answer({ answers: 2, records: [...recordA, ...recordA] });
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.nat(good.length), (changes, length) => {
        const message = Uint8Array.from(good);
        for (const [at, value] of changes) message[at] = value;
        const verdict = readResponse(query, message.subarray(0, length));
        expect(['unrelated', 'malformed', 'answer']).toContain(verdict.kind);
        if (changes.length === 0 && length < good.length) expect(verdict.kind).not.toBe('answer');
      }),
      { numRuns: 2000 },
    );
  });
});
