/** The YAML form of a node's configuration. Rules that look at more than one field are in resolve.ts. */
import Type from 'typebox';
import { LIMITS } from '../limits.js';
import { bytesSchema } from '../schema-gateways.js';
import { flag, integer, interfaceName, list, mapping, milliseconds, oneOf, optional, text } from '../schema-parts.js';
import { NODE_DEFAULTS } from './defaults.js';

const { backhaul: BACKHAUL } = NODE_DEFAULTS;

const kilobits = (description: string) =>
  optional(integer({ minimum: 0, maximum: 0xffff_ffff, default: 0, 'x-unit': 'kbit/s', description }));

const backhaulSchema = mapping(
  {
    interface: optional(
      interfaceName({
        'x-expected': '`auto` or an interface name',
        'x-default': '`auto`',
        description: 'The way out. `auto`: the interface of the default route, in each family by itself.',
      }),
    ),
    targets: optional(
      list(
        text({
          maxLength: 64,
          'x-expected': 'an address, or an address and a port like 192.0.2.53:443 or [2001:db8::53]:443',
          description: 'A target.',
        }),
        {
          maxItems: LIMITS.targets,
          default: [],
          description:
            'What answers beyond it: by TCP at port 443, or at the port given (a refusal is an answer, too); port 53 is a ' +
            'resolver, asked by UDP. A family works while one of its targets answers, and one without targets is not ' +
            'offered. Without any at all, a default route is enough.',
          examples: [['192.0.2.53', '2001:db8::53']],
        },
      ),
    ),
    interval_ms: optional(
      milliseconds({
        minimum: 200,
        maximum: LIMITS.intervalMs,
        default: BACKHAUL.interval_ms,
        description: 'Time from one round of questions to the next.',
      }),
    ),
    timeout_ms: optional(
      milliseconds({
        minimum: 1,
        maximum: LIMITS.intervalMs,
        default: BACKHAUL.timeout_ms,
        description: 'A later answer is a loss. Not above `interval_ms`.',
      }),
    ),
    fail_after: optional(
      integer({
        minimum: 1,
        maximum: 100,
        default: BACKHAUL.fail_after,
        'x-unit': 'rounds',
        description: 'Rounds without any answer before the way out counts as failed.',
      }),
    ),
  },
  { description: "The node's own way to the network, and how it is watched." },
);

const costSchema = mapping(
  {
    preference: optional(
      integer({
        minimum: 0,
        maximum: 0xffff,
        default: NODE_DEFAULTS.preference,
        description: 'Routers elect the node with the lowest of those that work.',
      }),
    ),
    metered: optional(flag({ default: NODE_DEFAULTS.metered, description: 'Traffic costs something.' })),
    budget: optional(
      mapping(
        {
          bytes: bytesSchema,
          per: optional(
            oneOf(['day', 'month'], { default: NODE_DEFAULTS.budget_per, description: 'When counting begins anew.' }),
          ),
        },
        {
          'x-default': 'no limit',
          description: 'Carried for routers altogether; when it is used up nothing is offered.',
          examples: [{ bytes: '2 GB' }],
        },
      ),
    ),
  },
  { description: 'What it costs the owner.' },
);

export const gatewayNodeSchema = mapping(
  {
    version: optional(Type.Literal(1, { default: 1, description: 'Version of this format.' })),
    name: optional(
      text({
        maxLength: 32,
        'x-default': "the host's name",
        'x-expected': 'text of at most 32 bytes',
        description: 'Told to routers, for people.',
        examples: ['phone in the hall'],
      }),
    ),
    interfaces: optional(
      list(interfaceName({ description: 'An interface.' }), {
        minItems: 1,
        maxItems: LIMITS.gatewayInterfaces,
        'x-default': 'the one besides that of the default route',
        description: 'Where routers are: the LAN. May be absent for a while.',
        examples: [['wlan0']],
      }),
    ),
    backhaul: optional(backhaulSchema),
    capacity: optional(
      mapping(
        { down_kbps: kilobits('From the network; 0: unknown.'), up_kbps: kilobits('To the network; 0: unknown.') },
        { 'x-default': 'unknown', description: 'What the way out can carry.' },
      ),
    ),
    cost: optional(costSchema),
    battery: optional(
      mapping(
        {
          minimum_percent: optional(
            integer({
              minimum: 0,
              maximum: 100,
              default: NODE_DEFAULTS.minimum_percent,
              'x-unit': '%',
              description: 'Below this nothing is offered, unless the battery is being charged.',
            }),
          ),
        },
        { description: 'Batteries are those in /sys/class/power_supply; without one the node is on mains.' },
      ),
    ),
    slots: optional(
      integer({
        minimum: 1,
        maximum: 255,
        default: NODE_DEFAULTS.slots,
        'x-unit': 'routers',
        description: 'Served at a time, at most.',
      }),
    ),
    ipv6: optional(
      mapping(
        {
          routed_prefixes: optional(
            list(
              text({
                maxLength: 49,
                'x-expected': 'an IPv6 prefix like 2001:db8:1::/56',
                description: 'A prefix.',
                examples: ['2001:db8:1::/56'],
              }),
              {
                maxItems: LIMITS.targets,
                default: [],
                description: "Clients' prefixes that this node's network routes to it; all others are translated.",
              },
            ),
          ),
        },
        { description: 'IPv6.' },
      ),
    ),
    advertise_interval_ms: optional(
      milliseconds({
        minimum: 100,
        maximum: 60_000,
        default: NODE_DEFAULTS.advertise_interval_ms,
        description: 'Time from one advertisement to the next, at most.',
      }),
    ),
    advertise_family: optional(
      oneOf(['ipv6', 'ipv4'], {
        default: NODE_DEFAULTS.advertise_family,
        description:
          'By which one offers are made where this node has both; where it has one, by that. `ipv4` for a router that has ' +
          'IPv6 turned off. It says nothing of the traffic that is carried. A change needs a restart.',
      }),
    ),
    maximum_lease_ms: optional(
      milliseconds({
        minimum: LIMITS.leaseMs,
        maximum: LIMITS.maximumLeaseMs,
        default: NODE_DEFAULTS.maximum_lease_ms,
        description:
          'After so long without a word from a router this node stops forwarding for it, whatever it asked for.',
      }),
    ),
    state_directory: optional(
      text({
        pattern: '^/[^\\0]*$',
        'x-expected': 'an absolute path',
        maxLength: 1024,
        default: NODE_DEFAULTS.state_directory,
        description: "Keys of the routers, this machine's identity, bytes carried. A change needs a restart.",
      }),
    ),
    log: optional(
      mapping(
        {
          level: optional(
            oneOf(['debug', 'info', 'warn', 'error'], {
              default: NODE_DEFAULTS.log_level,
              description: 'Least severe level that is written.',
            }),
          ),
        },
        { description: 'The log, on standard error.' },
      ),
    ),
  },
  { description: 'Configuration of a gateway node (detour gateway run).' },
);

export type GatewayNodeFile = Type.Static<typeof gatewayNodeSchema>;
