/** The YAML form of uplinks. */
import Type from 'typebox';
import { DAMPING_DEFAULTS, OPTIONAL_DEFAULT, UPLINK_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import { limitsSchema, probeSchema } from './schema-probe.js';
import {
  address,
  flag,
  forwardingSchema,
  integer,
  interfaceName,
  ipv4,
  ipv6,
  list,
  mapping,
  milliseconds,
  optional,
} from './schema-parts.js';

const AUTO = Type.Literal('auto', { description: "Learned from the kernel's default routes on this interface." });

const gatewaySchema = Type.Union(
  [
    AUTO,
    address({ description: 'One address: the uplink carries that family only.' }),
    mapping(
      {
        ipv4: optional(
          Type.Union([AUTO, ipv4({ description: 'IPv4 gateway.' })], {
            'x-default': 'no IPv4',
            description: 'IPv4 gateway.',
          }),
        ),
        ipv6: optional(
          Type.Union([AUTO, ipv6({ description: 'IPv6 gateway.' })], {
            'x-default': 'no IPv6',
            description: 'IPv6 gateway.',
          }),
        ),
      },
      { description: 'Per family; a family that is left out is not carried.' },
    ),
  ],
  {
    default: UPLINK_DEFAULTS.gateway,
    description: 'Where packets go: an address, `auto`, or one of them per family.',
    'x-expected': 'auto, an address, or {ipv4: ..., ipv6: ...}',
    examples: ['auto'],
  },
);

const sourceSchema = Type.Union(
  [
    address({ description: 'One address.' }),
    mapping(
      {
        ipv4: optional(ipv4({ 'x-default': "the interface's preferred address", description: 'IPv4 source.' })),
        ipv6: optional(ipv6({ 'x-default': "the interface's preferred address", description: 'IPv6 source.' })),
      },
      { description: 'Per family.' },
    ),
  ],
  {
    description: "Fixed source address of probes and of the router's own traffic.",
    'x-default': "the interface's preferred address",
    'x-expected': 'an address, or {ipv4: ..., ipv6: ...}',
    examples: ['192.0.2.10'],
  },
);

const dampingSchema = mapping(
  {
    enabled: optional(flag({ default: DAMPING_DEFAULTS.enabled, description: 'Keep a flapping uplink out of use.' })),
    penalty_per_failure: optional(
      integer({
        minimum: 1,
        maximum: 100_000,
        default: DAMPING_DEFAULTS.penalty_per_failure,
        description: 'Added to the figure of merit at each failure.',
      }),
    ),
    cutoff_threshold: optional(
      integer({
        minimum: 1,
        maximum: 1_000_000,
        default: DAMPING_DEFAULTS.cutoff_threshold,
        description: 'Above this, the uplink is suppressed.',
      }),
    ),
    reuse_threshold: optional(
      integer({
        minimum: 1,
        maximum: 1_000_000,
        default: DAMPING_DEFAULTS.reuse_threshold,
        description: 'Below this, it is released. Less than `cutoff_threshold`.',
      }),
    ),
    half_life_ms: optional(
      milliseconds({
        minimum: 1000,
        maximum: LIMITS.delayMs,
        default: DAMPING_DEFAULTS.half_life_ms,
        description: 'Time in which the figure of merit halves.',
      }),
    ),
    maximum_suppress_ms: optional(
      milliseconds({
        minimum: 1000,
        maximum: LIMITS.delayMs,
        default: DAMPING_DEFAULTS.maximum_suppress_ms,
        description: 'Longest suppression.',
      }),
    ),
  },
  { description: 'Flap damping (RFC 2439).' },
);

export const uplinkSchema = mapping(
  {
    interface: interfaceName({
      description: 'Device that the uplink leaves by; may be a VLAN device.',
      examples: ['eth1'],
    }),
    optional: optional(
      flag({
        default: OPTIONAL_DEFAULT,
        description:
          'The interface may be absent (a modem, a PPP or VLAN device); the uplink is `down` until it appears.',
      }),
    ),
    gateway: optional(gatewaySchema),
    source: optional(sourceSchema),
    forwarding: optional(forwardingSchema),
    probes: optional(
      list(probeSchema, {
        maxItems: LIMITS.probes,
        default: [],
        description: 'Without any, only the link, the address and the neighbour entry are judged.',
        examples: [[{ type: 'icmp', targets: ['192.0.2.53'] }]],
      }),
    ),
    hold_down_ms: optional(
      milliseconds({
        minimum: 0,
        maximum: LIMITS.delayMs,
        default: UPLINK_DEFAULTS.hold_down_ms,
        description: 'A recovered uplink stays `held` for this long.',
      }),
    ),
    damping: optional(dampingSchema),
    limits: optional(limitsSchema),
  },
  { description: 'A way out.', examples: [{ interface: 'eth1' }] },
);

export type UplinkFile = Type.Static<typeof uplinkSchema>;
