/** `detour lookup` names the reason that the program counts, address by address. */
import { expect, test } from 'vitest';
import { guardReason } from '../../src/controller/lookup-guard.js';
import { IpAddress } from '../../src/net/ip-address.js';
import { testPacketRows, type PacketRow } from '../helpers/bpf/packet-rows.js';

const usual = { 4: { from: '203.0.113.1', to: '198.51.1.1' }, 6: { from: '2001:db8:f::1', to: '2001:db8:1::1' } };

/** First and last of each range. */
const special = [
  ['0.0.0.0', '0.255.255.255', '127.0.0.0', '127.255.255.255', '240.0.0.0', '255.255.255.254', '255.255.255.255'],
  ['224.0.0.0', '239.255.255.255', '169.254.0.0', '169.254.255.255'],
  ['::', '::1', '::ffff:0.0.0.0', '::ffff:203.0.113.1', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
].flat();

function rowOf(from: string, to: string): PacketRow {
  const reason = guardReason(IpAddress.parse(to), IpAddress.parse(from));
  const ip = to.includes(':') ? 'IPv6' : 'IP';
  return {
    description: `from ${from} to ${to}: ${reason}`,
    packet: `E/${ip}(src='${from}', dst='${to}')/UDP()`,
    verdict: 'PASS',
    reasons: [`1:${String(reason).toUpperCase().replace('-', '_')}`],
  };
}

testPacketRows(
  'special addresses',
  special.flatMap((address) => {
    const { from, to } = usual[address.includes(':') ? 6 : 4];
    return [rowOf(address, to), rowOf(from, address)];
  }),
);

test.each([
  ['1.0.0.0', '126.255.255.255', '128.0.0.0', '223.255.255.255', '169.253.255.255', '169.255.0.0'],
  ['::2', '::fffe:ffff:ffff', '::1:0:0:0', 'fe7f:ffff::', 'fec0::', 'feff:ffff::', '2001:db8::1'],
])('their neighbours %s, %s, ... are addresses as any other', (...addresses) => {
  for (const address of addresses) {
    const { from, to } = usual[address.includes(':') ? 6 : 4];
    expect(guardReason(IpAddress.parse(address), IpAddress.parse(from)), address).toBe(null);
    expect(guardReason(IpAddress.parse(to), IpAddress.parse(address)), address).toBe(null);
  }
});
