/** The YAML form of `gateways`: neighbours that carry traffic when no uplink does. */
import Type from 'typebox';
import { GATEWAYS_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import { probeSchema } from './schema-probe.js';
import { integer, interfaceName, list, mapping, milliseconds, name, oneOf, optional, text } from './schema-parts.js';

/** Also of the node's own configuration. */
export const bytesSchema = Type.Union(
  [
    integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Bytes.' }),
    text({
      pattern: '^[0-9]{1,9}(\\.[0-9]{1,3})? ?([kMGT]i?)?B$',
      description: 'With a unit.',
      examples: ['2 GB'],
      'x-expected': 'a number of bytes, or text like "500 MB" or "2 GiB"',
    }),
  ],
  {
    'x-unit': 'bytes',
    'x-expected': 'a number of bytes, or text like "500 MB" or "2 GiB"',
    description: 'What may be carried, both directions together; a number, or text like `2 GB`.',
    examples: ['2 GB'],
  },
);

const budgetSchema = mapping(
  {
    bytes: bytesSchema,
    per: optional(
      oneOf(['day', 'month'], { default: GATEWAYS_DEFAULTS.budget_per, description: 'When counting begins anew.' }),
    ),
    warn_percent: optional(
      integer({
        minimum: 1,
        maximum: 100,
        default: GATEWAYS_DEFAULTS.warn_percent,
        'x-unit': '%',
        description: 'An event says so when this much is used.',
      }),
    ),
  },
  { 'x-default': 'none', description: 'Limit for each metered node.', examples: [{ bytes: '2 GB' }] },
);

const timesSchema = {
  standby_interval_ms: optional(
    milliseconds({
      minimum: LIMITS.icmpIntervalMs,
      maximum: LIMITS.intervalMs,
      default: GATEWAYS_DEFAULTS.standby_interval_ms,
      description:
        'Interval of the probes through a node on standby, where it is longer than their own: they cost bytes.',
    }),
  ),
  lease_ms: optional(
    milliseconds({
      minimum: LIMITS.leaseMs,
      maximum: LIMITS.maximumLeaseMs,
      default: GATEWAYS_DEFAULTS.lease_ms,
      description: 'After so long without a word from this router a node stops forwarding for it.',
    }),
  ),
  switch_after_ms: optional(
    milliseconds({
      minimum: 0,
      maximum: LIMITS.delayMs,
      default: GATEWAYS_DEFAULTS.switch_after_ms,
      description: 'How long another node must have been better before it takes over.',
    }),
  ),
  rest_ms: optional(
    milliseconds({
      minimum: 100,
      maximum: LIMITS.delayMs,
      default: GATEWAYS_DEFAULTS.rest_ms,
      description: 'A node whose election failed is left alone for so long; doubled each time.',
    }),
  ),
  maximum_rest_ms: optional(
    milliseconds({
      minimum: 100,
      maximum: LIMITS.delayMs,
      default: GATEWAYS_DEFAULTS.maximum_rest_ms,
      description: 'Longest rest. Not below `rest_ms`.',
    }),
  ),
};

export const gatewaysSchema = mapping(
  {
    interfaces: list(interfaceName({ description: 'An interface of `interfaces` or of an uplink.' }), {
      minItems: 1,
      maxItems: LIMITS.gatewayInterfaces,
      description: 'Where nodes are: the LAN, or a link of their own.',
      examples: [['eth0']],
    }),
    groups: optional(
      list(name({ description: 'A group.' }), {
        minItems: 1,
        'x-default': 'all groups',
        description: 'Groups whose last tier the elected nodes are.',
      }),
    ),
    standby: optional(
      oneOf(['cold', 'warm'], {
        default: GATEWAYS_DEFAULTS.standby,
        description:
          '`cold`: a node is elected when no uplink works. `warm`: one is kept elected and probed, so that it takes over at once.',
      }),
    ),
    max_elected: optional(
      integer({
        minimum: 1,
        maximum: LIMITS.elected,
        default: GATEWAYS_DEFAULTS.max_elected,
        'x-unit': 'nodes',
        description: 'Elected at a time, at most.',
      }),
    ),
    metered: optional(
      oneOf(['allow', 'avoid', 'never'], {
        default: GATEWAYS_DEFAULTS.metered,
        description: 'Nodes whose traffic costs. `avoid`: after all others.',
      }),
    ),
    minimum_battery_percent: optional(
      integer({
        minimum: 0,
        maximum: 100,
        default: GATEWAYS_DEFAULTS.minimum_battery_percent,
        'x-unit': '%',
        description: 'A node on battery that has less is not elected.',
      }),
    ),
    approval: optional(
      oneOf(['pairing', 'manual'], {
        default: GATEWAYS_DEFAULTS.approval,
        description: '`pairing`: whoever has a key may be elected. `manual`: only whom an operator has approved, too.',
      }),
    ),
    way_back: optional(
      oneOf(['router', 'direct'], {
        default: GATEWAYS_DEFAULTS.way_back,
        description:
          "`router`: what goes to a node has this router's address, so answers come back through it. " +
          '`direct`: the node answers the clients straight.',
      }),
    ),
    probes: optional(
      list(probeSchema, {
        minItems: 1,
        maxItems: LIMITS.probes,
        'x-default': 'the icmp probes of the first uplink that asks addresses beyond its gateway',
        description: 'Through each elected node. A family without a target is not carried by nodes.',
        examples: [[{ type: 'icmp', targets: ['192.0.2.53'], interval_ms: 20 }]],
      }),
    ),
    ...timesSchema,
    budget: optional(budgetSchema),
    policy: optional(
      list(text({ maxLength: 4096, description: 'Program, then its arguments.' }), {
        minItems: 1,
        maxItems: 32,
        'x-default': 'none',
        description:
          'Program that orders the candidates: JSON on its standard input, names on its standard output. An absolute path, then arguments.',
        examples: [['/etc/detour/order-gateways']],
      }),
    ),
    state_directory: optional(
      text({
        pattern: '^/[^\\0]*$',
        'x-expected': 'an absolute path',
        maxLength: 1024,
        default: GATEWAYS_DEFAULTS.state_directory,
        description: "Keys of the nodes, this machine's identity, leases.",
      }),
    ),
  },
  { 'x-default': 'none', description: 'Neighbours that carry traffic when no uplink does.' },
);

export type GatewaysFile = Type.Static<typeof gatewaysSchema>;
