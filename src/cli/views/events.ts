/** Entries of the event log as lines. Pure. */
import type { EventRecordResource, EventResource } from '../../api/resources/event.js';
import { paint, printable, type Tone } from '../table.js';
import { formatDurationMs, formatTime } from '../units.js';
import { familyName } from './common.js';

/** "2026-01-02 03:04:05.678 #12 fibre IPv4 up -> down: icmp: 3 of 3 probes to 192.0.2.1 lost". Never cut: it is a log. */
export function renderEvent(event: EventResource, color: boolean): string {
  const { text, tone } = describe(event.record);
  const prefix = paint(`${formatTime(event.time)} #${event.sequence}`, 'dim', color);
  return `${prefix} ${paint(printable(text), tone, color)}`;
}

function describe(record: EventRecordResource): { text: string; tone: Tone | undefined } {
  switch (record.kind) {
    case 'path': {
      const tones: Partial<Record<typeof record.to, Tone>> = {
        up: 'good',
        down: 'bad',
        degraded: 'warn',
        suspect: 'warn',
      };
      const kept = record.alive && record.to === 'down' ? ' (still in use)' : '';
      const change = `${record.uplink} ${familyName(record.family)} ${record.from} -> ${record.to}${kept}`;
      return { text: `${change}: ${record.cause}`, tone: tones[record.to] };
    }
    case 'group': {
      const names = (uplinks: string[]): string => uplinks.join(' + ') || 'none';
      const change = `${record.group} ${familyName(record.family)} uses ${names(record.to)} instead of ${names(record.from)}`;
      return { text: `${change}: ${record.cause}`, tone: undefined };
    }
    case 'all-down': {
      const kept = record.lastGood === null ? '' : `, ${record.lastGood} is kept in use`;
      const verdict = record.believed ? 'are down' : 'seem to be down';
      return { text: `all ${familyName(record.family)} paths ${verdict}${kept}: ${record.cause}`, tone: 'bad' };
    }
    case 'all-down-ended':
      return { text: `not all ${familyName(record.family)} paths are down any more: ${record.cause}`, tone: 'good' };
    case 'operator':
      return { text: `operator: ${record.what} (by ${record.by})`, tone: 'warn' };
    case 'blind':
      return { text: `blind for ${formatDurationMs(record.durationUs / 1000)}: ${record.cause}`, tone: 'warn' };
  }
}
