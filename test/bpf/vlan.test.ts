/** VLAN tags in and out: which interface a frame came in by, and the tags that it leaves with. */
import { neighbourMac, OUR_MAC } from '../helpers/bpf/little-router.js';
import { testPacketRows, type PacketRow } from '../helpers/bpf/packet-rows.js';

interface Tags {
  words: string;
  /** Scapy layers, each with its slash. */
  layers: string;
}

const INGRESS: (Tags & { slot: number })[] = [
  { words: 'no tag', layers: '', slot: 1 },
  { words: 'a priority tag', layers: 'Dot1Q(vlan=0, prio=5)/', slot: 1 },
  { words: 'an 802.1ad priority tag', layers: 'Dot1AD(vlan=0)/', slot: 1 },
  { words: 'one tag', layers: 'Dot1Q(vlan=100)/', slot: 2 },
  { words: 'one tag with a priority and the DEI bit', layers: 'Dot1Q(vlan=100, prio=7, id=1)/', slot: 2 },
  { words: 'a priority tag before the tag', layers: 'Dot1Q(vlan=0)/Dot1Q(vlan=100)/', slot: 2 },
  { words: 'a priority tag behind the tag', layers: 'Dot1Q(vlan=100)/Dot1Q(vlan=0, prio=3)/', slot: 2 },
  { words: 'an 802.1ad and an 802.1Q tag', layers: 'Dot1AD(vlan=200)/Dot1Q(vlan=30)/', slot: 3 },
  { words: 'two 802.1Q tags', layers: 'Dot1Q(vlan=100)/Dot1Q(vlan=7)/', slot: 5 },
];

const EGRESS: (Tags & { group: number })[] = [
  { words: 'no tag', layers: '', group: 1 },
  { words: 'one tag', layers: 'Dot1Q(vlan=100)/', group: 2 },
  { words: 'an 802.1ad and an 802.1Q tag', layers: 'Dot1AD(vlan=200)/Dot1Q(vlan=30)/', group: 3 },
];

const FAMILIES = {
  IPv4: (group: number, ttl: number) => `IP(src='203.0.113.1', dst='198.51.${group}.1', ttl=${ttl})`,
  IPv6: (group: number, ttl: number) => `IPv6(src='2001:db8:f::1', dst='2001:db8:${group}::1', hlim=${ttl})`,
};

for (const [family, ip] of Object.entries(FAMILIES)) {
  testPacketRows(
    `VLAN tags, ${family}`,
    INGRESS.flatMap((ingress) =>
      EGRESS.map((egress): PacketRow => ({
        description: `comes with ${ingress.words}, leaves with ${egress.words}`,
        packet: `E/${ingress.layers}${ip(egress.group, 64)}/UDP()/Raw(b'payload of this packet')`,
        out:
          `Ether(src='${OUR_MAC}', dst='${neighbourMac(egress.group)}')/` +
          `${egress.layers}${ip(egress.group, 63)}/UDP()/Raw(b'payload of this packet')`,
        verdict: 'REDIRECT',
        reasons: [`${ingress.slot}:FORWARDED`],
      })),
    ),
  );
}

const IP = `IP(src='203.0.113.1', dst='198.51.1.1')/UDP()`;

function pass(description: string, packet: string, reason: string, resizeTo?: number): PacketRow {
  return { description, packet, verdict: 'PASS', reasons: [reason], ...(resizeTo === undefined ? {} : { resizeTo }) };
}

testPacketRows('VLAN stacks that are not forwarded', [
  pass('three tags', `E/Dot1Q(vlan=100)/Dot1Q(vlan=7)/Dot1Q(vlan=8)/${IP}`, '0:VLAN_DEPTH'),
  pass('three priority tags', `E/Dot1Q(vlan=0)/Dot1Q(vlan=0)/Dot1Q(vlan=0)/${IP}`, '0:VLAN_DEPTH'),
  pass('twenty tags', `E/${'Dot1Q(vlan=100)/'.repeat(20)}${IP}`, '0:VLAN_DEPTH'),
  pass('802.1ad is not 802.1Q: another interface', `E/Dot1AD(vlan=200)/Dot1AD(vlan=30)/${IP}`, '0:UNKNOWN_INTERFACE'),
  pass('the inner tag alone', `E/Dot1Q(vlan=30)/${IP}`, '0:UNKNOWN_INTERFACE'),
  pass('the outer tag alone', `E/Dot1AD(vlan=200)/${IP}`, '0:UNKNOWN_INTERFACE'),
  pass('the tags in the other order', `E/Dot1Q(vlan=30)/Dot1AD(vlan=200)/${IP}`, '0:UNKNOWN_INTERFACE'),
  pass('a tag cut in the middle', `E/Dot1Q(vlan=100)/${IP}`, '0:TRUNCATED', 16),
  pass('nothing behind the tag', `E/Dot1Q(vlan=100)/${IP}`, '2:TRUNCATED', 18),
  pass('ARP in a VLAN', `E/Dot1Q(vlan=100)/ARP()`, '2:NOT_IP'),
]);
