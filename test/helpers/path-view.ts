/** A path as readers of the engine see it, without a history. */
import type { PathView } from '../../src/engine/types.js';

export const pathView = (uplink: string, state: PathView['state'], family: PathView['family'] = 4): PathView => ({
  uplink,
  family,
  state,
  alive: state === 'up',
  kept: null,
  sinceUs: 0,
  cause: '',
  heldUntilUs: null,
  damping: { figureOfMerit: 0, suppressed: false },
  failures: 0,
  targets: [],
});
