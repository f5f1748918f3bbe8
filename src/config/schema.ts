/**
 * The YAML form of the configuration, as TypeBox schemas: the one description from which come the checks
 * (validate.ts), the published JSON Schema (json-schema.ts) and the reference table of docs/config.md (reference.ts).
 * Rules that look at more than one field are in the resolve-*.ts files.
 */
import Type from 'typebox';
import {
  API_DEFAULTS,
  DATAPLANE_DEFAULTS,
  GROUP_DEFAULTS,
  KERNEL_DEFAULTS,
  LOG_LEVEL_DEFAULT,
  MODE_DEFAULT,
  OPTIONAL_DEFAULT,
} from './defaults.js';
import { LIMITS } from './limits.js';
import { gatewaysSchema } from './schema-gateways.js';
import { uplinkSchema } from './schema-uplink.js';
import {
  byName,
  flag,
  forwardingSchema,
  integer,
  interfaceName,
  list,
  mapping,
  milliseconds,
  name,
  oneOf,
  optional,
  text,
} from './schema-parts.js';

const memberSchema = Type.Union(
  [
    name({ description: 'An uplink, with weight 1.' }),
    mapping(
      {
        uplink: name({ description: 'Name of an uplink.', examples: ['fibre'] }),
        weight: optional(
          integer({
            minimum: 1,
            maximum: LIMITS.weight,
            default: GROUP_DEFAULTS.weight,
            description: "Share of the tier's flows.",
          }),
        ),
      },
      { description: 'An uplink with a weight.' },
    ),
  ],
  { 'x-expected': 'the name of an uplink, or {uplink: ..., weight: ...}' },
);

const groupSchema = mapping(
  {
    tiers: list(
      list(memberSchema, {
        minItems: 1,
        maxItems: LIMITS.tierMembers,
        description: 'Uplinks that share the traffic.',
        examples: [['fibre']],
      }),
      {
        minItems: 1,
        maxItems: LIMITS.tiers,
        description: 'Best first; traffic uses the first tier with a live member.',
        examples: [[['fibre'], ['lte']]],
      },
    ),
    revert_delay_ms: optional(
      Type.Union(
        [
          milliseconds({ minimum: 0, maximum: LIMITS.delayMs, description: 'Time.' }),
          Type.Literal('never', { description: 'Only when an operator says so.' }),
        ],
        {
          default: GROUP_DEFAULTS.revert_delay_ms,
          'x-unit': 'ms',
          description: 'How long a better tier must have been healthy before traffic goes back to it.',
        },
      ),
    ),
  },
  { description: 'Tiers of uplinks.', examples: [{ tiers: [['fibre'], ['lte']] }] },
);

const routeSchema = mapping(
  {
    to: text({
      maxLength: 49,
      'x-expected': 'a prefix like 203.0.113.0/24',
      description: 'Destination prefix, without host bits.',
      examples: ['0.0.0.0/0'],
    }),
    group: optional(name({ 'x-default': 'none', description: 'Group that carries it. Either this or `blackhole`.' })),
    blackhole: optional(flag({ default: false, description: 'Drop what goes there.' })),
  },
  { description: 'Prefix and where it goes.', examples: [{ to: '0.0.0.0/0', group: 'default' }] },
);

const interfaceSchema = Type.Union(
  [
    interfaceName({ description: 'An interface.' }),
    mapping(
      {
        name: interfaceName({ description: 'An interface.' }),
        optional: optional(
          flag({ default: OPTIONAL_DEFAULT, description: 'It may be absent; it is used as soon as it appears.' }),
        ),
        forwarding: optional(forwardingSchema),
      },
      { description: 'An interface.' },
    ),
  ],
  { 'x-expected': 'an interface name, or {name: ..., optional: ..., forwarding: ...}' },
);

const kernelSchema = mapping(
  {
    table: optional(
      Type.Union(
        [
          Type.Literal('main', { description: 'The main table.' }),
          integer({ minimum: 1, maximum: 0xffffffff, description: 'Number of a table.' }),
        ],
        { default: KERNEL_DEFAULTS.table, description: "Routing table for Detour's routes. Not 255 (local)." },
      ),
    ),
    metric: optional(
      integer({
        minimum: 1,
        maximum: 0xffff,
        default: KERNEL_DEFAULTS.metric,
        description: 'Metric of its routes; fallback routes stand behind at metric + 1, + 2, ...',
      }),
    ),
    uplink_table_base: optional(
      integer({
        minimum: 256,
        maximum: 0xffff0000,
        default: KERNEL_DEFAULTS.uplink_table_base,
        description: 'Tables of single uplinks are numbered from here.',
      }),
    ),
    mark_base: optional(
      integer({
        minimum: 1,
        maximum: 0xffffff00,
        default: KERNEL_DEFAULTS.mark_base,
        description: "fwmark of the first uplink's probes; the n-th has base + n - 1. The default is 0x44540000.",
      }),
    ),
    rule_priority: optional(
      integer({
        minimum: 1,
        maximum: 32_000,
        default: KERNEL_DEFAULTS.rule_priority,
        description: "Priority of Detour's policy rules.",
      }),
    ),
    nexthop_id_base: optional(
      integer({
        minimum: 1,
        maximum: 0x7fff0000,
        default: KERNEL_DEFAULTS.nexthop_id_base,
        description: 'Nexthop objects are numbered from here.',
      }),
    ),
    keep_on_exit: optional(
      flag({
        default: KERNEL_DEFAULTS.keep_on_exit,
        description: 'Leave routes, programs and maps in place on a clean stop.',
      }),
    ),
  },
  { description: 'What Detour uses of the kernel.' },
);

const absolutePath = { pattern: '^/[^\\0]*$', 'x-expected': 'an absolute path' } as const;

const dataplaneSchema = mapping(
  {
    pin_path: optional(
      text({
        ...absolutePath,
        default: DATAPLANE_DEFAULTS.pin_path,
        description: 'Directory for pins, below a mounted bpffs.',
      }),
    ),
    xdp_mode: optional(
      oneOf(['auto', 'native', 'generic'], {
        default: DATAPLANE_DEFAULTS.xdp_mode,
        description: '`auto`: native, and generic where the driver has no XDP.',
      }),
    ),
    max_routes: optional(
      integer({
        minimum: 1,
        maximum: LIMITS.routes,
        default: DATAPLANE_DEFAULTS.max_routes,
        'x-unit': 'routes',
        description: 'Size of the route table, per family.',
      }),
    ),
  },
  { description: 'The XDP data plane.' },
);

const tcpApiSchema = mapping(
  {
    listen: optional(
      text({
        maxLength: 64,
        'x-expected': 'an address and a port like 127.0.0.1:8068',
        default: API_DEFAULTS.listen,
        description: 'Address and port.',
      }),
    ),
    token_file: optional(
      text({
        maxLength: 4096,
        'x-default': 'none',
        description: 'File whose only line is the bearer token; relative to this file. Not readable by others.',
      }),
    ),
    token: optional(
      text({
        minLength: LIMITS.tokenCharacters,
        maxLength: 256,
        'x-expected': `a token of ${LIMITS.tokenCharacters} to 256 characters`,
        'x-default': 'none',
        'x-unit': 'characters',
        description: 'The bearer token itself; either this or `token_file`.',
      }),
    ),
  },
  { description: 'The API over TCP; needs a token.', examples: [{ token_file: 'detour.token' }] },
);

const apiSchema = mapping(
  {
    socket: optional(
      Type.Union(
        [text({ maxLength: 107, ...absolutePath, description: 'Path.' }), Type.Null({ description: 'No socket.' })],
        {
          default: API_DEFAULTS.socket,
          description: 'Unix socket; `null`: none.',
        },
      ),
    ),
    tcp: optional(tcpApiSchema),
  },
  { description: 'Where the API listens.' },
);

export const configSchema = mapping(
  {
    version: optional(Type.Literal(1, { default: 1, description: 'Version of this format.' })),
    mode: optional(
      oneOf(['active', 'observe'], {
        default: MODE_DEFAULT,
        description:
          '`observe` decides and reports, but writes no routes, rules or nexthops and forwards nothing; ' +
          'gateways are kept resolved for the probes, and the XDP program is attached to time their replies and to count.',
      }),
    ),
    uplinks: byName(uplinkSchema, {
      maxProperties: LIMITS.interfaces,
      description: 'The ways out, by name.',
      examples: [{ fibre: { interface: 'eth1' } }],
    }),
    groups: optional(
      byName(groupSchema, {
        description: 'Tiers of uplinks, by name.',
        'x-default': 'one group `default` with each uplink as a tier, in the order of the file',
      }),
    ),
    routes: optional(
      list(routeSchema, {
        description: 'What goes where.',
        'x-default': '0.0.0.0/0 and ::/0 to the first group, for the families that its uplinks carry',
      }),
    ),
    interfaces: optional(
      list(interfaceSchema, {
        default: [],
        description: 'Interfaces that packets come in by besides the uplinks: the LAN side.',
        examples: [['eth0']],
      }),
    ),
    gateways: optional(gatewaysSchema),
    decision: optional(
      mapping(
        {
          minimum_agreeing: optional(
            integer({
              minimum: 1,
              maximum: LIMITS.interfaces,
              'x-unit': 'uplinks',
              'x-default': 'all uplinks of the family with fewer',
              description:
                'Uplinks of one family that must be judged down, each by itself, before "all are down" is believed. Not above their number.',
            }),
          ),
        },
        { description: 'How decisions are made.' },
      ),
    ),
    kernel: optional(kernelSchema),
    dataplane: optional(dataplaneSchema),
    api: optional(apiSchema),
    log: optional(
      mapping(
        {
          level: optional(
            oneOf(['debug', 'info', 'warn', 'error'], {
              default: LOG_LEVEL_DEFAULT,
              description: 'Least severe level that is written.',
            }),
          ),
        },
        { description: 'The log, on standard error.' },
      ),
    ),
  },
  { description: 'Configuration of the adaptive router Detour.' },
);

export type ConfigFile = Type.Static<typeof configSchema>;
