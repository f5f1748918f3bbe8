/** Entries of the event log in one line for people: the same text in the controller's log and in `detour events`. Pure. */
import type { LoggedRecord } from './records.js';

const US_PER_MS = 1000;

/** "fibre IPv4 up -> down: icmp: 3 of 3 probes to 192.0.2.1 lost", without time and number. */
export function describeRecord(record: LoggedRecord): string {
  switch (record.kind) {
    case 'path': {
      const kept = record.alive && record.to === 'down' ? ' (still in use)' : '';
      return `${record.uplink} IPv${record.family} ${record.from} -> ${record.to}${kept}: ${record.cause}`;
    }
    case 'group': {
      const names = (uplinks: readonly string[]): string => uplinks.join(' + ') || 'none';
      const change = `${record.group} IPv${record.family} uses ${names(record.to)} instead of ${names(record.from)}`;
      return `${change}: ${record.cause}`;
    }
    case 'all-down': {
      const kept = record.lastGood === null ? '' : `, ${record.lastGood} is kept in use`;
      const verdict = record.believed ? 'are down' : 'seem to be down';
      return `all IPv${record.family} paths ${verdict}${kept}: ${record.cause}`;
    }
    case 'all-down-ended':
      return `not all IPv${record.family} paths are down any more: ${record.cause}`;
    case 'operator':
      return `operator: ${record.what}, by ${record.by}`;
    case 'gateway':
      return `gateway node ${record.gateway} ${record.from} -> ${record.to}: ${record.cause}`;
    case 'gateway-discards': {
      const messages = record.count === 1 ? 'message' : 'messages';
      return `${record.count} gateway ${messages} discarded (${record.reason}): ${record.cause}`;
    }
    case 'blind':
      return `blind for ${Math.round(record.durationUs / US_PER_MS)} ms: ${record.cause}`;
  }
}
