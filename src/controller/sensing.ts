/** Differences between two readings of the facts -> engine events. Pure. */
import type { EngineEvent } from '../engine/types.js';
import type { PathFacts, UplinkFacts } from './facts.js';

/** Links first: a lost carrier must not wait behind anything else. */
export function eventsBetween(before: readonly UplinkFacts[], after: readonly UplinkFacts[]): EngineEvent[] {
  const old = new Map(before.map((fact) => [fact.uplink, fact]));
  const links: EngineEvent[] = [];
  const paths: EngineEvent[] = [];
  for (const fact of after) {
    const known = old.get(fact.uplink);
    if (known?.linkUp !== fact.linkUp || known.linkDetail !== fact.linkDetail) {
      links.push({ type: 'link', uplink: fact.uplink, up: fact.linkUp, detail: fact.linkDetail });
    }
    for (const path of fact.paths) {
      const earlier = known?.paths.find((entry) => entry.family === path.family);
      paths.push(...pathEvents(fact.uplink, earlier, path));
    }
  }
  return [...links, ...paths];
}

function pathEvents(uplink: string, before: PathFacts | undefined, after: PathFacts): EngineEvent[] {
  const { family, ready, detail, neighbour, gateway } = after;
  const events: EngineEvent[] = [];
  if (before?.ready !== ready || before.detail !== detail) {
    events.push({ type: 'addressing', uplink, family, ready, detail });
  }
  if (before?.neighbour !== neighbour) {
    const name = gateway?.toString() ?? 'the gateway';
    const text = { resolved: 'is resolved', failed: 'does not answer', unknown: 'is not resolved yet' }[neighbour];
    events.push({ type: 'neighbour', uplink, family, state: neighbour, detail: `${name} ${text}` });
  }
  return events;
}

/** Whether a gateway's MAC or neighbour state is another. */
export function gatewaysDiffer(before: readonly UplinkFacts[], after: readonly UplinkFacts[]): boolean {
  return gatewayText(before) !== gatewayText(after);
}

const gatewayText = (facts: readonly UplinkFacts[]): string =>
  facts
    .flatMap(({ paths }) => paths.map(({ neighbour, gatewayMac }) => `${neighbour} ${gatewayMac?.toString() ?? '-'}`))
    .join();
