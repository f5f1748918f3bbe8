/** What must be true of every world that can be reached, and of every world after enough time without faults. */
import { numberText, type RouterSide, type World } from './world.js';

/** @returns the first thing that is wrong; null: nothing */
export function violation(world: World): string | null {
  for (const check of [overstayed, believedTooLong, electedWithoutRules, twoForOneRole]) {
    const wrong = check(world);
    if (wrong) return wrong;
  }
  return null;
}

/** A node wants nothing in force beyond what it has promised, by the messages that it has taken; a dead one's rules end by themselves. */
function overstayed({ nodes, nowUs, promisedUs }: World): string | null {
  for (const { name, wanted, rules, alive } of nodes) {
    for (const { number, endsUs } of [...(alive ? wanted : []), ...rules]) {
      const promised = promisedUs.get(number) ?? 0;
      if (nowUs >= promised) return `${name} has lease ${numberText(number)} in force after its end`;
      if (endsUs > promised) return `${name} means to keep lease ${numberText(number)} longer than was asked for`;
    }
  }
  return null;
}

/** The router gives up first: it counts on no lease beyond what the node has promised. */
function believedTooLong({ routers, promisedUs, nowUs }: World): string | null {
  for (const router of routers.filter(({ alive }) => alive)) {
    for (const { pairing, number, endsUs } of leasesOf(router)) {
      const promised = promisedUs.get(number) ?? 0;
      const what = `${router.name} counts on ${pairing}, lease ${numberText(number)},`;
      if (nowUs >= promised) return `${what} beyond the node's own end of it`;
      if (endsUs > promised) return `${what} for longer than the node will keep it`;
    }
  }
  return null;
}

/** A lease is confirmed only once its rules are in the kernel. */
function electedWithoutRules({ routers, everInForce }: World): string | null {
  for (const router of routers.filter(({ alive }) => alive)) {
    const early = leasesOf(router).find(({ number }) => !everInForce.has(number));
    if (early) return `${router.name} counts ${early.pairing} as elected, whose rules have never been in force`;
  }
  return null;
}

/**
 * Never two nodes elected by one router for one role: neither as the router means it, nor as the nodes have it in force. Not
 * counted is a node whose path the router has found not to work: nothing goes there.
 */
function twoForOneRole({ routers, nodes, nowUs }: World): string | null {
  for (const router of routers.filter(({ alive }) => alive)) {
    const working = leasesOf(router).filter(({ number }) => router.probed[String(number)] !== 'bad');
    const meant = working.filter(({ role }) => role === 'active').map(({ pairing }) => pairing);
    if (meant.length > 1) return `${router.name} has elected ${meant.join(' and ')} as active`;
    const had = working.filter(({ number, pairing }) =>
      nodes.some(
        ({ name, rules }) =>
          name === pairing &&
          rules.some((rule) => rule.number === number && rule.role === 'active' && rule.endsUs > nowUs),
      ),
    );
    if (had.length > 1) {
      return `${had.map(({ pairing }) => pairing).join(' and ')} are both active for ${router.name}, which counts on both`;
    }
  }
  return null;
}

function leasesOf({ elected, state }: RouterSide) {
  return elected.map(({ pairing, role }) => {
    const { number, endsUs } = state.nodes.get(pairing)!.lease!;
    return { pairing, role, number, endsUs };
  });
}

/** Where the world must be, and stay, when need is constant and nothing is lost: null, or what is not so. */
export function unsettled(world: World): string | null {
  const needing = world.routers.filter(({ need }) => need);
  const served = needing.filter(({ elected }) => elected.some(({ role, leaving }) => role === 'active' && !leaving));
  const slots = world.nodes.reduce((sum, { state }) => sum + state.policy.slots, 0);
  if (served.length !== Math.min(needing.length, slots)) {
    return `${needing.length} need a gateway, ${slots} may be had, ${served.length} have one`;
  }
  for (const router of world.routers) {
    const serving = world.nodes.filter(({ rules }) => rules.some(({ pairing }) => pairing === router.name));
    const meant = served.includes(router) ? router.elected.map(({ pairing }) => pairing) : [];
    if (router.elected.length !== meant.length)
      return `${router.name} needs nobody, but has ${router.elected[0]!.pairing}`;
    if (meant.length > 1) return `${router.name} has ${meant.join(' and ')}`;
    const armed = serving.map(({ name }) => name);
    if (armed.join() !== meant.join()) {
      return `${router.name} has elected ${meant.join() || 'nobody'}, but rules for it are on ${armed.join() || 'nobody'}`;
    }
  }
  return null;
}
