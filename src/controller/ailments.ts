/** What keeps a health from being "ok" although nothing failed to be written: groups and paths. Pure. */
import type { GroupView, PathView } from '../engine/types.js';

const ailing: ReadonlySet<PathView['state']> = new Set(['down', 'degraded', 'init']);

/** One sentence each: the reasons of healthStatus() that no other problem names. */
export function ailments({ groups, paths }: { groups: readonly GroupView[]; paths: readonly PathView[] }): string[] {
  return [
    ...(groups.length === 0 ? ['no group: Detour routes nothing'] : []),
    ...groups
      .filter(({ active }) => active.length === 0)
      .map(({ group, family }) => `group ${group} carries no IPv${family} traffic: none of its uplinks can be used`),
    ...paths.filter(({ state }) => ailing.has(state)).map(describePath),
  ];
}

function describePath({ uplink, family, state, cause }: PathView): string {
  const path = `${uplink} IPv${family}`;
  return state === 'init' ? `${path} is not judged yet` : `${path} is ${state}: ${cause}`;
}
