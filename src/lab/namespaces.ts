/** The bricks of labs: namespaces, cables between them, and what a cable of veth needs to behave like one. */
import { sh } from './shell.js';

const PASS_OBJECT = 'build/bpf/pass.bpf.o';

export function addNamespace(name: string, forwarding: boolean): void {
  sh('ip', 'netns', 'add', name);
  const sysctl = (key: string, value: number): string =>
    sh('ip', 'netns', 'exec', name, 'sysctl', '-qw', `${key}=${value}`);
  // Duplicate address detection would keep every IPv6 address unusable for a second.
  sysctl('net.ipv6.conf.all.accept_dad', 0);
  sysctl('net.ipv6.conf.default.accept_dad', 0);
  sysctl('net.ipv4.ip_forward', forwarding ? 1 : 0);
  sysctl('net.ipv6.conf.all.forwarding', forwarding ? 1 : 0);
  sh('ip', '-n', name, 'link', 'set', 'lo', 'up');
}

/**
 * One veth pair between two namespaces, both ends up. A veth leaves checksums for a NIC that never comes, and a frame that
 * XDP redirects no longer carries the note that says so: the sender must compute them.
 */
export function connect(a: string, nameA: string, b: string, nameB: string): void {
  sh('ip', '-n', a, 'link', 'add', nameA, 'type', 'veth', 'peer', 'name', nameB, 'netns', b);
  for (const [namespace, name] of [
    [a, nameA],
    [b, nameB],
  ] as const) {
    sh('ip', 'netns', 'exec', namespace, 'ethtool', '-K', name, 'tx', 'off');
    sh('ip', '-n', namespace, 'link', 'set', name, 'up');
  }
}

/** A veth takes redirected frames only while its peer runs NAPI: an XDP program on the peer makes it so. */
export function runNapi(namespace: string, name: string): void {
  sh('ip', '-n', namespace, 'link', 'set', 'dev', name, 'xdpdrv', 'obj', PASS_OBJECT, 'sec', 'xdp.frags');
}

/** As the gateway of a home line does: so an answer comes back by the path that the question took. */
export function masquerade(gateway: string): void {
  const rules =
    'add table inet gateway; add chain inet gateway post { type nat hook postrouting priority srcnat; }; ' +
    'add rule inet gateway post oifname "core" masquerade';
  sh('ip', 'netns', 'exec', gateway, 'nft', rules);
}

/** An Ethernet switch: a bridge in a namespace of its own. */
export function addSwitch(name: string): void {
  addNamespace(name, false);
  sh('ip', '-n', name, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
  sh('ip', '-n', name, 'link', 'set', 'br0', 'up');
}

/** A cable from `namespace` to the switch, whose end there is the port `port`. */
export function connectToSwitch(lan: string, namespace: string, name: string, port: string): void {
  connect(namespace, name, lan, port);
  sh('ip', '-n', lan, 'link', 'set', port, 'master', 'br0');
  runNapi(lan, port);
}
