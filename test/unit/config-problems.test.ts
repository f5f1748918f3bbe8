/** Mistakes in the form of a configuration: the exact line that a person reads, with its place. */
import { describe, expect, test } from 'vitest';
import { checkInterfaces, formatProblem, parseConfig, type LoadedConfig } from '../../src/config/index.js';
import { checkProblems, problemsOf, uplinkYaml, withUplinks } from '../helpers/config.js';

const NAME_RULE = '1 to 32 letters, digits, "-" or "_", starting with a letter or digit';
const probe = (text: string): string => uplinkYaml(`probes: [{${text}}]`);

describe('the YAML itself', () => {
  checkProblems([
    ['an empty file', '', '1:1: the file is empty; write at least "uplinks: {fibre: {interface: eth1}}"'],
    ['only a comment', '# nothing\n', '1:1: the file is empty; write at least "uplinks: {fibre: {interface: eth1}}"'],
    [
      "a gateway node's file",
      'name: phone\ninterfaces: [wlan0]\ncost: {metered: true}\nbatery: {}\n',
      '1:1: this is a gateway node\'s configuration; "detour gateway run --dry-run home.yaml" checks it',
    ],
    [
      "a router's file with a node's key",
      'uplinks: {a: {interface: eth1}}\nslots: 1\n',
      '2:1: slots: unknown key; known here: version, mode, uplinks, groups, routes, interfaces, gateways, decision, kernel, dataplane, api, log',
    ],
    ['a list', '[1]', '1:1: must be a mapping, not a list'],
    ['text', 'hello', '1:1: must be a mapping, not "hello"'],
    [
      'two documents',
      'uplinks: {a: {interface: x}}\n---\nuplinks: {}\n',
      '2:1: YAML syntax: Source contains multiple documents; please use YAML.parseAllDocuments()',
    ],
    [
      'an open bracket',
      'uplinks: [a\n',
      '2:1: YAML syntax: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a tab', 'uplinks:\n\ta: 1\n', '2:1: YAML syntax: Tabs are not allowed as indentation'],
    ['an unknown tag', 'uplinks: !secret {a: {interface: eth1}}', '1:10: YAML syntax: Unresolved tag: !secret'],
    [
      'an alias of nothing',
      'uplinks: {a: {interface: *x}}',
      '1:26: uplinks.a.interface: this alias cannot be followed; write the value itself',
    ],
    [
      'an alias of its own parent',
      'uplinks: &u {a: *u}',
      '1:17: uplinks.a: this alias cannot be followed; write the value itself',
    ],
    ['a mapping as a key', 'uplinks: {a: {interface: eth1}}\n? {b: 1}\n: 2\n', '2:3: a key must be plain text'],
    [
      'a key twice',
      'mode: active\nuplinks: {a: {interface: eth1}}\nmode: observe\n',
      '3:1: mode: is there twice, first in line 1; write it once',
    ],
    [
      'an uplink twice',
      'uplinks:\n  a: {interface: eth1}\n  a: {interface: eth2}\n',
      '3:3: uplinks.a: is there twice, first in line 2; write it once',
    ],
  ]);

  test('ten thousand brackets are too many, not a crash', () => {
    const problems = problemsOf('['.repeat(10_000));
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThan(10);
  });

  test('aliases that multiply are refused before they cost anything', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `x${i + 1}: &x${i + 1} [${Array(9).fill(`*x${i}`).join(', ')}]`);
    expect(problemsOf(`x0: &x0 [a]\n${lines.join('\n')}\n`).length).toBeGreaterThan(0);
    const targets = Array(300).fill('*t').join(', ');
    const problems = problemsOf(uplinkYaml(`probes: [{type: icmp, targets: [&t 192.0.2.1, ${targets}]}]`));
    expect(problems.some((line) => line.includes('this alias cannot be followed'))).toBe(true);
  });
});

describe('keys', () => {
  checkProblems([
    [
      'unknown',
      withUplinks('colour: red'),
      '2:1: colour: unknown key; known here: version, mode, uplinks, groups, routes, interfaces, gateways, decision, kernel, dataplane, api, log',
    ],
    ['misspelt', withUplinks('uplink: {}'), '2:1: uplink: unknown key; did you mean "uplinks"?'],
    [
      'in camel case',
      probe('type: icmp, targets: [gateway], failAfter: 3'),
      '4:47: uplinks.a.probes[0].failAfter: unknown key; did you mean "fail_after"?',
    ],
    [
      'without the unit',
      probe('type: icmp, targets: [gateway], interval: 20'),
      '4:47: uplinks.a.probes[0].interval: unknown key; did you mean "interval_ms"?',
    ],
    [
      'of another probe type',
      probe('type: icmp, targets: [gateway], query: x'),
      '4:47: uplinks.a.probes[0].query: unknown key; known here: type, targets, name, interval_ms, timeout_ms, fail_after, recover_after, window_samples, quorum, limits',
    ],
    [
      'the one that is needed, misspelt: one message',
      'uplinks: {a: {interfaec: eth1}}',
      '1:15: uplinks.a.interfaec: unknown key; did you mean "interface"?',
    ],
    [
      '__proto__',
      withUplinks('__proto__: {mode: x}'),
      '2:1: __proto__: unknown key; known here: version, mode, uplinks, groups, routes, interfaces, gateways, decision, kernel, dataplane, api, log',
    ],
    [
      'an uplink named with a blank',
      'uplinks: {"my line": {interface: eth1}}',
      `1:11: uplinks."my line": a name must be ${NAME_RULE}`,
    ],
    [
      'an uplink named with a slash',
      'uplinks: {../x: {interface: eth1}}',
      `1:11: uplinks."../x": a name must be ${NAME_RULE}`,
    ],
    ['without a value', withUplinks('log:'), '2:1: log: has no value; it must be a mapping'],
  ]);
});

describe('types and bounds', () => {
  checkProblems([
    [
      'a mode that does not exist',
      withUplinks('mode: observ'),
      '2:7: mode: must be one of active, observe, not "observ"; write observe',
    ],
    ['another version', withUplinks('version: 2'), '2:10: version: must be 1, not 2'],
    [
      'yes for true',
      withUplinks('kernel: {keep_on_exit: yes}'),
      '2:24: kernel.keep_on_exit: must be true or false, not "yes"; write true',
    ],
    [
      'a number below its bound',
      probe('type: icmp, targets: [gateway], interval_ms: 4'),
      '4:60: uplinks.a.probes[0].interval_ms: must be a whole number of ms from 5 to 3600000, not 4; write 5',
    ],
    [
      'sockets are slower',
      probe('type: tcp, targets: ["192.0.2.1:80"], interval_ms: 20'),
      '4:66: uplinks.a.probes[0].interval_ms: must be a whole number of ms from 200 to 3600000, not 20; write 200',
    ],
    [
      'a fraction',
      uplinkYaml('hold_down_ms: 1.5'),
      '4:19: uplinks.a.hold_down_ms: must be a whole number of ms from 0 to 86400000, not 1.5; write 2',
    ],
    [
      'seconds',
      uplinkYaml('hold_down_ms: 10s'),
      '4:19: uplinks.a.hold_down_ms: must be a whole number of ms from 0 to 86400000, not "10s"; write 10000',
    ],
    [
      'a quoted number',
      uplinkYaml('hold_down_ms: "5"'),
      '4:19: uplinks.a.hold_down_ms: must be a whole number of ms from 0 to 86400000, not "5"; write 5',
    ],
    [
      'not a number',
      uplinkYaml('limits: {loss_percent: .nan}'),
      '4:28: uplinks.a.limits.loss_percent: must be a number of % from 0 to 100, not .nan',
    ],
    [
      'one item that should be a list',
      withUplinks('interfaces: eth0'),
      '2:13: interfaces: must be a list, not "eth0"; write [eth0]',
    ],
    [
      'a tier that should be a list',
      withUplinks('groups: {default: {tiers: [a, [b]]}}'),
      '2:28: groups.default.tiers[0]: must be a list, not "a"; write [a]',
    ],
    [
      'an interface name that is too long',
      'uplinks: {a: {interface: abcdefghijklmnop}}',
      '1:26: uplinks.a.interface: must be an interface name of 1 to 15 characters without "/", ":" and blanks, not "abcdefghijklmnop"; write eth1',
    ],
    [
      'a weight of 0',
      withUplinks('groups: {default: {tiers: [[{uplink: a, weight: 0}]]}}'),
      '2:49: groups.default.tiers[0][0].weight: must be a whole number from 1 to 256, not 0; write 1',
    ],
    [
      'a weight of 257',
      withUplinks('groups: {default: {tiers: [[{uplink: a, weight: 257}]]}}'),
      '2:49: groups.default.tiers[0][0].weight: must be a whole number from 1 to 256, not 257; write 256',
    ],
    [
      'an alternative in words',
      withUplinks('groups: {default: {tiers: [[a]], revert_delay_ms: nevr}}'),
      '2:51: groups.default.revert_delay_ms: must be a whole number of ms from 0 to 86400000 or never, not "nevr"; write never',
    ],
  ]);
});

test('all mistakes of a file come at once, in the order of the file', () => {
  const places = problemsOf(`mode: observ
uplinks:
  fibre: {interface: eth1, gateway: {}}
  lte: {interface: eth1, probes: [{type: icmp, targets: [x], interval_ms: 1}]}
groups: {g: {tiers: [[fibre, dsl]]}}
routes: [{to: 10.0.0.1/8, group: h}]
colour: red
`).map((line) => line.split(': ').slice(0, 2).join(' '));
  expect(places).toEqual([
    '1:7 mode',
    '3:37 uplinks.fibre.gateway',
    '4:20 uplinks.lte.interface',
    '4:58 uplinks.lte.probes[0].targets[0]',
    '4:75 uplinks.lte.probes[0].interval_ms',
    '5:30 groups.g.tiers[0][1]',
    '6:15 routes[0].to',
    '6:34 routes[0].group',
    '7:1 colour',
  ]);
});

test('interfaces that are not there are named with their place, and the free ones offered', () => {
  const result = parseConfig(
    'uplinks:\n  a: {interface: eth1}\n  b:\n    interface: enp1s0\ninterfaces: [eth0]\n',
    'home.yaml',
  );
  if ('errors' in result) throw new Error('valid');
  const { problems, notes } = checkInterfaces(result.config, result.positions, ['lo', 'enp1s0f0', 'wlan0']);
  expect(problems.map(formatProblem)).toEqual([
    'home.yaml:2:18: uplinks.a.interface: no interface is named "eth1"; ' +
      'write one of enp1s0f0, wlan0; or "optional: true" beside it if it appears later',
    'home.yaml:4:16: uplinks.b.interface: no interface is named "enp1s0"; ' +
      'write enp1s0f0; or "optional: true" beside it if it appears later',
    'home.yaml:5:14: interfaces[0]: no interface is named "eth0"; ' +
      'write one of enp1s0f0, wlan0; or {name: eth0, optional: true} if it appears later',
  ]);
  expect(notes).toEqual([]);
  const there = checkInterfaces(result.config, result.positions, ['eth0', 'eth1', 'enp1s0']);
  expect(there).toEqual({ problems: [], notes: [] });
});

test('an optional interface that is not there is noted, and is no problem', () => {
  const result = parseConfig(
    'uplinks: {a: {interface: wwan0, optional: true}}\ninterfaces: [{name: eth0.7, optional: true}]\n',
    'home.yaml',
  );
  if ('errors' in result) throw new Error('valid');
  expect(checkInterfaces(result.config, result.positions, ['lo'])).toEqual({
    problems: [],
    notes: [
      'uplinks.a.interface: no interface is named "wwan0": it is used as soon as it appears',
      'interfaces[0]: no interface is named "eth0.7": it is used as soon as it appears',
    ],
  });
});

test('an interface of the running configuration may be absent at a reload, another may not', () => {
  const read = (yaml: string): LoadedConfig => {
    const result = parseConfig(yaml, 'home.yaml');
    if ('errors' in result) throw new Error('valid');
    return result;
  };
  const running = read('uplinks: {a: {interface: wan0}}\ninterfaces: [lan0]\n');
  const wanted = read('uplinks: {a: {interface: wan0}, b: {interface: wan1}}\ninterfaces: [lan0]\n');
  const { problems, notes } = checkInterfaces(wanted.config, wanted.positions, ['lo'], running.config);
  expect(problems.map(({ path }) => path)).toEqual(['uplinks.b.interface']);
  expect(notes.map((note) => note.split(':')[0])).toEqual(['uplinks.a.interface', 'interfaces[0]']);
});
