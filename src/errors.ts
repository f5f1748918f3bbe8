/**
 * The catalogue of errors: one code, one message template, one HTTP status and one exit code each.
 * A test ties the catalogue to docs/errors.md.
 */

interface CatalogueEntry {
  /** `{name}` is replaced by the parameter of that name. */
  message: string;
  /** Status of the API's problem document. */
  status: number;
  /** Exit code of the CLI. */
  exit: number;
}

export const errorCatalogue = {
  CONFIG_INVALID: { message: '{count} error(s) in {file}', status: 422, exit: 2 },
  CONFIG_UNREADABLE: { message: 'cannot read {file}: {reason}', status: 422, exit: 2 },
  USAGE: { message: '{reason}', status: 400, exit: 64 },
  REQUEST_INVALID: { message: '{where}: {reason}', status: 400, exit: 64 },
  UNAUTHORIZED: { message: '{reason}: send "Authorization: Bearer <token>"', status: 401, exit: 77 },
  NOT_FOUND: { message: 'nothing at {path}; see /openapi.json', status: 404, exit: 1 },
  METHOD_NOT_ALLOWED: { message: '{method} is not possible at {path}, only {allowed}', status: 405, exit: 64 },
  MEDIA_TYPE_UNSUPPORTED: { message: 'bodies are "application/json", not "{type}"', status: 415, exit: 64 },
  BODY_TOO_LARGE: { message: 'the body is larger than {limit} bytes', status: 413, exit: 64 },
  NOT_READY: { message: 'not ready: the first configuration is not programmed yet', status: 503, exit: 75 },
  TOO_MANY_STREAMS: { message: '{limit} event streams are open already; close one first', status: 503, exit: 75 },
  LISTEN_FAILED: { message: 'cannot listen on {address}: {reason}', status: 500, exit: 71 },
  UPLINK_UNKNOWN: { message: 'no uplink named "{uplink}"; known: {known}', status: 404, exit: 1 },
  GROUP_UNKNOWN: { message: 'no group named "{group}"; known: {known}', status: 404, exit: 1 },
  NOT_A_MEMBER: {
    message: 'uplink "{uplink}" is not a member of group "{group}"; members: {members}',
    status: 409,
    exit: 1,
  },
  GATEWAYS_OFF: {
    message: 'gateway nodes are not used here: the configuration has no "gateways" section',
    status: 409,
    exit: 1,
  },
  GATEWAY_UNKNOWN: { message: 'no gateway named "{gateway}"; paired: {known}', status: 404, exit: 1 },
  PAIRING_UNKNOWN: { message: 'nothing is paired under the name "{name}"; paired: {known}', status: 404, exit: 1 },
  PAIRING_EXISTS: { message: '"{name}" is paired already: {remedy}', status: 409, exit: 1 },
  NAME_INVALID: { message: '"{name}" is no name for a pairing: {rule}', status: 400, exit: 64 },
  TOO_MANY_PAIRINGS: { message: '{limit} pairings exist, and more are not possible', status: 409, exit: 1 },
  KEY_LINE_INVALID: { message: 'this is no pairing line of "detour gateways pair": {reason}', status: 400, exit: 64 },
  STATE_UNUSABLE: { message: '{path}: {reason}', status: 500, exit: 73 },
  NOT_RUNNING: {
    message: 'no controller answers at {socket}: start it with "detour run CONFIG"',
    status: 503,
    exit: 69,
  },
  NODE_NOT_RUNNING: {
    message: 'no agent tells its status in {file}: start it with "detour gateway run"',
    status: 503,
    exit: 69,
  },
  NODE_NOT_DISARMED: {
    message: 'stopped, but {problem}: "detour gateway restore" puts back what was changed',
    status: 500,
    exit: 70,
  },
  ALREADY_RUNNING: { message: 'another Detour is at work: {who}; stop it first', status: 409, exit: 75 },
  LOCK_FAILED: {
    message:
      '{what}: {reason}; without its locks Detour does not start: make /run/detour a writable directory (a tmpfs)',
    status: 500,
    exit: 73,
  },
  NOT_PERMITTED: { message: '{what} is not permitted: {remedy}', status: 403, exit: 77 },
  INTERFACE_UNKNOWN: { message: 'no interface named "{name}"; present: {present}', status: 404, exit: 1 },
  KERNEL_FEATURE_MISSING: { message: 'this kernel has no {feature}: {remedy}', status: 501, exit: 69 },
  BPF_LOAD_FAILED: { message: 'loading {object} failed: {reason}', status: 500, exit: 70 },
  NETLINK_REFUSED: { message: 'the kernel refused {what}: {detail}', status: 500, exit: 70 },
  STOP_INCOMPLETE: {
    message:
      'stopped, but {problem}; "detour unload" takes away what stays, and the next "detour run" takes it over: ' +
      'see "ip route show table all proto 68"',
    status: 500,
    exit: 70,
  },
  INTERNAL: { message: '{reason}', status: 500, exit: 70 },
} as const satisfies Record<string, CatalogueEntry>;

/** For people, of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export type ErrorCode = keyof typeof errorCatalogue;

/** An error that a person reads: what, where, what to do. `parameters` fill the catalogue's template. */
export class DetourError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly exitCode: number;
  readonly parameters: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, parameters: Record<string, string | number> = {}, options?: ErrorOptions) {
    const entry: CatalogueEntry = errorCatalogue[code];
    const message = entry.message.replace(/\{(\w+)\}/g, (_, name: string) => String(parameters[name] ?? `{${name}}`));
    super(message, options);
    this.name = 'DetourError';
    this.code = code;
    this.status = entry.status;
    this.exitCode = entry.exit;
    this.parameters = parameters;
  }
}
