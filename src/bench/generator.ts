/** The packet generator (bpf/generate.bpf.c) on the lab's client. */
import { BpfObject } from '../libbpf/index.js';
import { native } from '../native.js';
import { CLIENT_IPV4, CLIENT_IPV6, LAN_INTERFACE, namespacePath } from '../lab/topology.js';
import type { LabNames } from '../lab/topology.js';
import { sh } from '../lab/shell.js';
import { IpAddress } from '../net/ip-address.js';
import { ROUTES } from './forward-routes.js';

const OBJECT = 'build/bpf/generate.bpf.o';
const FRAME_BYTES = 64;
const BATCH = 64;
const DESTINATION_IPV4 = '10.100.0.1';
const DESTINATION_IPV6 = '2001:db8:100::1';

interface LinkJson {
  ifindex: number;
  address: string;
}

function linkOf(namespace: string, name: string): LinkJson {
  const [link] = JSON.parse(sh('ip', '-n', namespace, '-j', 'link', 'show', name)) as LinkJson[];
  if (!link) throw new Error(`${namespace}: no interface ${name}`);
  return link;
}

const macBytes = (text: string): Uint8Array => Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));

/** The words of an address as they lie in memory (big-endian bytes read by a little-endian machine). */
function wordsBe(address: string): number[] {
  const { bytes } = IpAddress.parse(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, word) => view.getUint32(word * 4, true));
}

export class Generator {
  readonly #object: BpfObject;
  readonly #netns: string;
  readonly #ifindex: number;

  /** @throws BpfError */
  constructor({ client, router }: LabNames) {
    const eth0 = linkOf(client, 'eth0');
    this.#ifindex = eth0.ifindex;
    this.#netns = namespacePath(client);
    const destination4 = IpAddress.parse(DESTINATION_IPV4).bytes;
    this.#object = BpfObject.open(OBJECT)
      .setGlobal('client_mac', macBytes(eth0.address))
      .setGlobal('router_mac', macBytes(linkOf(router, LAN_INTERFACE).address))
      .setGlobal('source4_be', wordsBe(CLIENT_IPV4)[0])
      .setGlobal('source6_be', wordsBe(CLIENT_IPV6))
      .setGlobal('destination4', new DataView(destination4.buffer, destination4.byteOffset).getUint32(0))
      .setGlobal('destination6_be', wordsBe(DESTINATION_IPV6))
      .setGlobal('routes', ROUTES)
      .load();
  }

  /** Sends that many frames as fast as one core can; resolves with the time that took. */
  async send(family: 4 | 6, packets: number, cpu: number): Promise<{ elapsedS: number }> {
    const { elapsedNs } = await native.runLiveFrames({
      programFd: this.#object.program(`detour_generate${family}`).fd,
      frame: new Uint8Array(FRAME_BYTES),
      ifindex: this.#ifindex,
      repeat: packets,
      batchSize: BATCH,
      cpu,
      netns: this.#netns,
    });
    return { elapsedS: Number(elapsedNs) / 1e9 };
  }

  close(): void {
    this.#object.close();
  }
}
