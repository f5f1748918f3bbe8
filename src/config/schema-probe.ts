/** The YAML form of probes: one schema per type, told apart by `type`. */
import Type from 'typebox';
import { PROBE_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import {
  address,
  flag,
  integer,
  list,
  mapping,
  milliseconds,
  name,
  number,
  oneOf,
  optional,
  port,
  text,
} from './schema-parts.js';

export const limitsSchema = mapping(
  {
    loss_percent: optional(
      number({
        minimum: 0,
        maximum: 100,
        'x-unit': '%',
        'x-default': 'no limit',
        description: 'More loss than this is `degraded`.',
      }),
    ),
    latency_ms: optional(
      number({
        minimum: 0.1,
        maximum: 60_000,
        'x-unit': 'ms',
        'x-default': 'no limit',
        description: 'A greater mean round trip is `degraded`.',
      }),
    ),
    jitter_ms: optional(
      number({
        minimum: 0.1,
        maximum: 60_000,
        'x-unit': 'ms',
        'x-default': 'no limit',
        description: 'A greater mean difference of consecutive round trips is `degraded`.',
      }),
    ),
  },
  {
    description: 'Beyond these, over the sliding window, the path works but is `degraded`.',
    examples: [{ loss_percent: 5 }],
  },
);

/** Fields of every probe; `minimumIntervalMs` depends on what a probe costs. */
const common = (minimumIntervalMs: number) => ({
  name: optional(name({ 'x-default': 'type and number, "icmp-1"', description: 'Unique within the uplink.' })),
  interval_ms: optional(
    milliseconds({
      minimum: minimumIntervalMs,
      maximum: LIMITS.intervalMs,
      default: PROBE_DEFAULTS.interval_ms,
      description: 'Time from one probe of a target to the next.',
    }),
  ),
  timeout_ms: optional(
    milliseconds({
      minimum: 1,
      maximum: LIMITS.intervalMs,
      'x-default': 'interval_ms',
      description: 'A later reply is a loss. Not above `interval_ms`.',
    }),
  ),
  fail_after: optional(
    integer({
      minimum: 1,
      maximum: 100,
      default: PROBE_DEFAULTS.fail_after,
      'x-unit': 'losses',
      description: 'Consecutive losses before a target counts as failed.',
    }),
  ),
  recover_after: optional(
    integer({
      minimum: 1,
      maximum: 1000,
      default: PROBE_DEFAULTS.recover_after,
      'x-unit': 'replies',
      description: 'Consecutive replies before a failed target counts as recovered.',
    }),
  ),
  window_samples: optional(
    integer({
      minimum: 8,
      maximum: 4096,
      default: PROBE_DEFAULTS.window_samples,
      'x-unit': 'samples',
      description: 'Sliding window for loss, latency and jitter.',
    }),
  ),
  quorum: optional(
    integer({
      minimum: 1,
      maximum: LIMITS.targets,
      'x-unit': 'targets',
      'x-default': 'half of the targets, rounded up',
      description: 'Targets of a family that must answer for the probe to pass. Not above their number.',
    }),
  ),
  limits: optional(limitsSchema),
});

const targets = <S extends Type.TSchema>(item: S, description: string, examples: unknown[]) =>
  list(item, { minItems: 1, maxItems: LIMITS.targets, description, examples: [examples] });

const endpoint = (portField: Type.TSchema, textExpected: string, example: string) =>
  Type.Union([
    text({ description: 'Address and port in one.', 'x-expected': textExpected, examples: [example] }),
    mapping(
      { address: address({ description: 'Where to connect.', examples: ['198.51.100.7'] }), port: portField },
      { description: 'Address and port apart.' },
    ),
  ]);

const icmpProbeSchema = mapping(
  {
    type: Type.Literal('icmp', { description: 'ICMP echo, sent by a thread of its own and timed in XDP.' }),
    targets: targets(
      Type.Union([
        Type.Literal('gateway', { description: "The uplink's gateway, in each family." }),
        address({ description: 'An address beyond the gateway.', examples: ['192.0.2.53'] }),
      ]),
      'Addresses, or `gateway` for the gateway itself.',
      ['192.0.2.53', '198.51.100.53'],
    ),
    ...common(LIMITS.icmpIntervalMs),
  },
  { description: 'ICMP echo.' },
);

const tcpProbeSchema = mapping(
  {
    type: Type.Literal('tcp', { description: 'A TCP connection is opened and closed.' }),
    targets: targets(
      endpoint(
        port({ description: 'TCP port.', examples: [443] }),
        'an address and a port like 198.51.100.7:443 or [2001:db8::7]:443',
        '198.51.100.7:443',
      ),
      'Addresses with ports.',
      ['198.51.100.7:443'],
    ),
    ...common(LIMITS.socketIntervalMs),
  },
  { description: 'TCP connect.' },
);

const httpTarget = Type.Union([
  text({
    maxLength: 2048,
    description: 'A URL whose host is an address.',
    'x-expected': 'a URL',
    examples: ['http://192.0.2.80/'],
  }),
  mapping(
    {
      url: text({
        maxLength: 2048,
        description: 'What to ask for; its host is the Host header and the TLS name.',
        examples: ['http://192.0.2.80/'],
      }),
      address: optional(
        address({
          'x-default': "the URL's host, if it is an address",
          description: 'Where to connect. Needed if the host is a name: DNS must not fail the path.',
          examples: ['192.0.2.80'],
        }),
      ),
      port: optional(port({ 'x-default': "the URL's, else 80 or 443", description: 'TCP port.' })),
    },
    { description: 'URL and where to connect.' },
  ),
]);

const http = <T extends 'http' | 'https'>(type: T) => ({
  type: Type.Literal(type, { description: `A GET request over ${type}.` }),
  targets: targets(httpTarget, 'URLs.', [`${type}://192.0.2.80/`]),
  expect_status: optional(
    Type.Union(
      [
        Type.Integer({ minimum: 100, maximum: 599, description: 'Exactly this status.' }),
        Type.String({
          pattern: '^[1-5]\\d\\d(-[1-5]\\d\\d)?$',
          'x-expected': 'a range like "200-299"',
          description: 'From - to.',
        }),
      ],
      { default: PROBE_DEFAULTS.expect_status, description: 'Status codes that pass.' },
    ),
  ),
  expect_body: optional(
    text({
      maxLength: 1024,
      'x-default': 'not looked at',
      description: "Text that the body's first 64 KiB must contain.",
    }),
  ),
  ...common(LIMITS.socketIntervalMs),
});

const httpProbeSchema = mapping(http('http'), { description: 'HTTP request.' });

const httpsProbeSchema = mapping(
  {
    ...http('https'),
    verify_certificate: optional(
      flag({
        default: PROBE_DEFAULTS.verify_certificate,
        description: 'A certificate that does not verify is a loss.',
      }),
    ),
  },
  { description: 'HTTPS request.' },
);

const dnsProbeSchema = mapping(
  {
    type: Type.Literal('dns', { description: 'A query over UDP, asked through this uplink.' }),
    targets: targets(
      endpoint(
        optional(port({ default: PROBE_DEFAULTS.dns_port, description: 'UDP port.' })),
        'the address of a resolver, with or without a port',
        '192.0.2.53',
      ),
      'Resolvers.',
      ['192.0.2.53'],
    ),
    query: optional(
      text({
        maxLength: 253,
        default: PROBE_DEFAULTS.query,
        description: 'Name to ask for. Any answer but SERVFAIL and REFUSED passes.',
      }),
    ),
    query_type: optional(
      oneOf(['A', 'AAAA', 'NS', 'SOA', 'TXT'], {
        default: PROBE_DEFAULTS.query_type,
        description: 'Record type to ask for.',
      }),
    ),
    ...common(LIMITS.socketIntervalMs),
  },
  { description: 'DNS query.' },
);

export const probeSchema = Type.Union(
  [icmpProbeSchema, tcpProbeSchema, httpProbeSchema, httpsProbeSchema, dnsProbeSchema],
  { 'x-expected': 'a probe like {type: icmp, targets: [192.0.2.53]}' },
);

export type ProbeFile = Type.Static<typeof probeSchema>;
export type LimitsFile = Type.Static<typeof limitsSchema>;
