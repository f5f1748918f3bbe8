/** Entries of the event log as lines. Pure. */
import type { EventRecordResource, EventResource } from '../../api/resources/event.js';
import { describeRecord } from '../../controller/describe-record.js';
import { paint, printable, type Tone } from '../table.js';
import { formatTime } from '../units.js';

/** "2026-01-02 03:04:05.678 #12 fibre IPv4 up -> down: icmp: 3 of 3 probes to 192.0.2.1 lost". Never cut: it is a log. */
export function renderEvent(event: EventResource, color: boolean): string {
  const prefix = paint(`${formatTime(event.time)} #${event.sequence}`, 'dim', color);
  return `${prefix} ${paint(printable(describeRecord(event.record)), toneOf(event.record), color)}`;
}

const pathTones: Partial<Record<string, Tone>> = { up: 'good', down: 'bad', degraded: 'warn', suspect: 'warn' };

const gatewayTones: Partial<Record<string, Tone>> = { electing: 'warn', elected: 'good', resting: 'bad' };

function toneOf(record: EventRecordResource): Tone | undefined {
  switch (record.kind) {
    case 'path':
      return pathTones[record.to];
    case 'group':
      return undefined;
    case 'all-down':
      return 'bad';
    case 'all-down-ended':
      return 'good';
    case 'gateway':
      return gatewayTones[record.to];
    case 'operator':
    case 'blind':
    case 'gateway-discards':
      return 'warn';
  }
}
