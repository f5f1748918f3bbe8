/** A slow, obvious kernel for nexthops, routes and rules: executes operations as Linux does, or refuses them. */
import type { Operation } from '../../../src/kernel/fib/diff.js';
import { routeKey, type FoundObjects } from '../../../src/kernel/fib/objects.js';
import type { NexthopRecord } from '../../../src/kernel/codec/nexthop.js';
import type { RouteRecord, RouteSpec } from '../../../src/kernel/codec/route.js';
import { ruleText, type RuleRecord } from '../../../src/kernel/codec/rule.js';

export class ModelKernel {
  nexthops: NexthopRecord[] = [];
  routes: RouteRecord[] = [];
  rules: RuleRecord[] = [];

  found(): FoundObjects {
    return {
      nexthops: this.nexthops,
      routes: this.routes.filter((route) => route.protocol === 68),
      rules: this.rules.filter((rule) => rule.protocol === 68),
      foreignHolder: (wanted) =>
        this.routes.find((route) => route.protocol !== 68 && routeKey(route) === routeKey(wanted))?.protocol,
    };
  }

  /** null: done; otherwise why not. */
  execute(operation: Operation): string | null {
    switch (operation.object) {
      case 'nexthop':
        if (operation.action === 'delete') return this.deleteNexthop(operation.id);
        return this.#setNexthop(operation.action, {
          ...operation.nexthop,
          protocol: 68,
          onlink: true,
          members: null,
        });
      case 'group': {
        const { id, members } = operation.group;
        if (members.length === 0) return 'EINVAL: an empty group';
        const missing = members.some((member) => !this.nexthops.some((one) => one.id === member.id && !one.members));
        if (missing) return 'EINVAL: Invalid nexthop id';
        const group = { id, protocol: 68, family: null, ifindex: null, gateway: null, onlink: false, members };
        return this.#setNexthop(operation.action, group);
      }
      case 'route':
        return operation.action === 'delete'
          ? this.#deleteRoute(operation.route)
          : this.#setRoute(operation.action, operation.route);
      case 'rule':
        return operation.action === 'delete' ? this.#deleteRule(operation.found) : this.#addRule(operation);
    }
  }

  /** Takes a nexthop away with what depends on it, as a lost carrier does: without a word. */
  deleteNexthop(id: number): string | null {
    if (!this.nexthops.some((one) => one.id === id)) return 'ENOENT';
    this.nexthops = this.nexthops
      .filter((one) => one.id !== id)
      .map((one) => ({ ...one, members: one.members?.filter((member) => member.id !== id) ?? null }))
      .filter((one) => one.members?.length !== 0);
    this.routes = this.routes.filter(
      (route) => route.nexthopId === null || this.nexthops.some((one) => one.id === route.nexthopId),
    );
    return null;
  }

  #setNexthop(action: 'create' | 'replace', record: NexthopRecord): string | null {
    const at = this.nexthops.findIndex((one) => one.id === record.id);
    if (action === 'create') {
      if (at >= 0) return 'EEXIST';
      this.nexthops.push(record);
      return null;
    }
    if (at < 0) return 'ENOENT';
    if ((this.nexthops[at]!.members === null) !== (record.members === null)) return 'EINVAL: group and nexthop';
    this.nexthops[at] = record;
    return null;
  }

  #setRoute(action: 'create' | 'replace', spec: RouteSpec): string | null {
    const { target } = spec;
    if (target.kind === 'nexthop' && !this.nexthops.some((one) => one.id === target.id)) {
      return 'EINVAL: Nexthop id does not exist';
    }
    const record: RouteRecord = {
      ...spec,
      type: target.kind === 'blackhole' || target.kind === 'unreachable' ? target.kind : 'unicast',
      protocol: 68,
      scope: 0,
      tos: 0,
      source: null,
      legs: [],
      ifindex: target.kind === 'gateway' ? target.ifindex : null,
      gateway: target.kind === 'gateway' ? target.gateway : null,
      nexthopId: target.kind === 'nexthop' ? target.id : null,
      multipath: false,
    };
    // Whoever made it: the kernel replaces the first one with this key.
    const at = this.routes.findIndex((route) => routeKey(route) === routeKey(spec));
    if (action === 'create') {
      if (at >= 0) return 'EEXIST';
      this.routes.push(record);
      return null;
    }
    if (at < 0) return 'ENOENT';
    this.routes[at] = record;
    return null;
  }

  #deleteRoute(spec: RouteSpec): string | null {
    const { target } = spec;
    const at = this.routes.findIndex(
      (route) =>
        route.protocol === 68 &&
        routeKey(route) === routeKey(spec) &&
        (target.kind !== 'nexthop' || route.nexthopId === target.id) &&
        (target.kind !== 'gateway' || route.gateway?.equals(target.gateway)),
    );
    if (at < 0) return 'ESRCH';
    this.routes.splice(at, 1);
    return null;
  }

  #addRule({ rule }: Extract<Operation, { object: 'rule'; action: 'create' }>): string | null {
    const text = ruleText(rule);
    if (this.rules.some((one) => one.text === text)) return 'EEXIST';
    const selection = { selects: 'addresses', allToTable: null } as const;
    this.rules.push({
      family: rule.family,
      protocol: 68,
      text,
      ...selection,
      isDefault: false,
      payload: Buffer.alloc(0),
    });
    return null;
  }

  #deleteRule(found: RuleRecord): string | null {
    const at = this.rules.findIndex((one) => one.protocol === 68 && one.text === found.text);
    if (at < 0) return 'ENOENT';
    this.rules.splice(at, 1);
    return null;
  }
}
