/** Bounds of the configuration. Those marked (abi) are sizes of bpf/abi.h; a test compares them. */

export const LIMITS = {
  /** (abi) MAX_TIERS */
  tiers: 4,
  /** (abi) MAX_TIER_MEMBERS */
  tierMembers: 16,
  /** (abi) MAX_INTERFACES less the row of unknown interfaces. Uplinks and interfaces together. */
  interfaces: 255,
  /** (abi) MAX_PROBE_SESSIONS less the unused session 0: targets of icmp probes, in both families. */
  icmpSessions: 1023,
  weight: 256,
  icmpIntervalMs: 5,
  /** Probes that open a socket each time are no faster than this. */
  socketIntervalMs: 200,
  intervalMs: 3_600_000,
  /** Longest time that a probe may take to notice a failure. */
  detectionMs: 600_000,
  delayMs: 86_400_000,
  targets: 16,
  probes: 16,
  routes: 4_194_304,
  /** Interfaces on which gateway nodes are listened to. */
  gatewayInterfaces: 16,
  /** Gateway nodes elected at a time. */
  elected: 8,
  /** docs/gateway-protocol.md, section 7. */
  leaseMs: 2000,
  maximumLeaseMs: 600_000,
  /** Bearer tokens: 16 characters of base64 are 96 bits. */
  tokenCharacters: 16,
} as const;
