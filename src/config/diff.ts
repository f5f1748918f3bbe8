/** What changed between two configurations: what a reload has to do, and what it cannot do. Pure. */
import type { Config, RouteConfig } from './types.js';

export interface NamedDiff {
  added: string[];
  removed: string[];
  /** `fields` are names of the Config's fields: "probes", "holdDownMs". */
  changed: { name: string; fields: string[] }[];
}

export interface ConfigDiff {
  /** Nothing changed at all. */
  same: boolean;
  uplinks: NamedDiff;
  /** The order of uplinks matters to nobody; that of groups neither. */
  groups: NamedDiff;
  interfaces: NamedDiff;
  /** A route whose target changed is in both lists. */
  routes: { added: RouteConfig[]; removed: RouteConfig[] };
  /** Fields that a running controller takes over at once: "mode", "log.level". */
  live: string[];
  /** Fields that only a restart can change: pins, tables and listeners are made once. */
  needsRestart: string[];
}

export function diffConfigs(before: Config, after: Config): ConfigDiff {
  const diff: Omit<ConfigDiff, 'same'> = {
    uplinks: diffNamed(before.uplinks, after.uplinks),
    groups: diffNamed(before.groups, after.groups),
    interfaces: diffNamed(before.interfaces, after.interfaces),
    routes: diffRoutes(before.routes, after.routes),
    live: [
      ...(before.mode === after.mode ? [] : ['mode']),
      ...changedFields('decision', before.decision, after.decision),
      ...changedFields('log', before.log, after.log),
      ...gatewayFields(before, after).filter((field) => !isFixed(field)),
      // Looked at only when the controller stops.
      ...(before.kernel.keepOnExit === after.kernel.keepOnExit ? [] : ['kernel.keepOnExit']),
    ],
    needsRestart: [
      ...changedFields('kernel', before.kernel, after.kernel).filter((field) => field !== 'kernel.keepOnExit'),
      ...changedFields('dataplane', before.dataplane, after.dataplane),
      ...changedFields('api', before.api, after.api),
      ...gatewayFields(before, after).filter(isFixed),
    ],
  };
  const lists: readonly unknown[][] = [
    ...listsOf(diff.uplinks),
    ...listsOf(diff.groups),
    ...listsOf(diff.interfaces),
    ...listsOf(diff.routes),
    diff.live,
    diff.needsRestart,
  ];
  return { same: lists.every((list) => list.length === 0), ...diff };
}

/** The whole section where it is new or gone: whether the protocol is spoken is settled at the start. */
function gatewayFields({ gateways: before }: Config, { gateways: after }: Config): string[] {
  if (before && after) return changedFields('gateways', before, after);
  return before === after ? [] : ['gateways'];
}

const isFixed = (field: string): boolean => field === 'gateways' || field === 'gateways.stateDirectory';

const listsOf = (part: object): unknown[][] => Object.values(part) as unknown[][];

/** One line for each change, for the log: "uplink lte: probes changed". */
export function describeDiff(diff: ConfigDiff): string[] {
  const named = (kind: string, { added, removed, changed }: NamedDiff): string[] => [
    ...added.map((name) => `${kind} ${name} added`),
    ...removed.map((name) => `${kind} ${name} removed`),
    ...changed.map(
      ({ name, fields }) =>
        `${kind} ${name}: ${fields.map((field) => renamed[field] ?? keyOf(field)).join(', ')} changed`,
    ),
  ];
  const { routes } = diff;
  return [
    ...named('uplink', diff.uplinks),
    ...named('group', diff.groups),
    ...named('interface', diff.interfaces),
    ...(routes.added.length + routes.removed.length > 0
      ? [`routes: ${routes.added.length} added, ${routes.removed.length} removed`]
      : []),
    ...diff.live.map((field) => `${keyOf(field)} changed`),
    ...diff.needsRestart.map((field) => `${keyOf(field)} changed: takes effect after a restart`),
  ];
}

/** Where an uplink's Config has one value for each family, the file has one key. */
const renamed: Readonly<Record<string, string>> = { gateways: 'gateway', sources: 'source' };

/** "dataplane.pinPath" -> "dataplane.pin_path": what the file calls it. */
const keyOf = (field: string): string => field.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);

function diffNames<T extends { name: string }>(
  before: readonly T[],
  after: readonly T[],
): { added: string[]; removed: string[] } {
  const names = (items: readonly T[]): Set<string> => new Set(items.map(({ name }) => name));
  const [old, now] = [names(before), names(after)];
  return { added: [...now].filter((name) => !old.has(name)), removed: [...old].filter((name) => !now.has(name)) };
}

function diffNamed<T extends { name: string }>(before: readonly T[], after: readonly T[]): NamedDiff {
  const old = new Map(before.map((item) => [item.name, item]));
  const changed = after.flatMap((item) => {
    const previous = old.get(item.name);
    const fields = previous === undefined ? [] : changedFields('', previous, item);
    return fields.length > 0 ? [{ name: item.name, fields }] : [];
  });
  return { ...diffNames(before, after), changed };
}

function diffRoutes(before: readonly RouteConfig[], after: readonly RouteConfig[]): ConfigDiff['routes'] {
  const keys = (routes: readonly RouteConfig[]): Map<string, RouteConfig> =>
    new Map(routes.map((route) => [canonical(route), route]));
  const [old, now] = [keys(before), keys(after)];
  return {
    added: [...now].filter(([key]) => !old.has(key)).map(([, route]) => route),
    removed: [...old].filter(([key]) => !now.has(key)).map(([, route]) => route),
  };
}

/** Names of the fields whose values differ, with `section.` in front. */
function changedFields(section: string, before: object, after: object): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys]
    .filter((key) => canonical(Reflect.get(before, key)) !== canonical(Reflect.get(after, key)))
    .map((key) => (section === '' ? key : `${section}.${key}`));
}

/** Equal values have equal text; addresses and prefixes are plain text in JSON. Keys are sorted. */
function canonical(value: unknown): string {
  const sorted = (_key: string, inner: unknown): unknown => {
    if (typeof inner === 'bigint') return String(inner);
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  };
  return JSON.stringify(value, sorted) ?? 'undefined';
}
