/** The battery, from /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power of Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Power } from '../../wire/types.js';

const DIRECTORY = '/sys/class/power_supply';
const MAINS: Power = { batteryPercent: null, charging: false };

/**
 * The emptiest battery that feeds the machine; without one it is on mains. Batteries of mice and the like
 * (`scope`: Device) feed something else.
 */
export function readPower(directory = DIRECTORY): Power {
  const batteries = supplies(directory).flatMap((supply) => {
    const read = (name: string): string => readText(join(directory, supply, name));
    const percent = Number.parseInt(read('capacity'), 10);
    if (read('type') !== 'Battery' || read('scope') === 'Device' || !(percent >= 0 && percent <= 100)) return [];
    // "Full" and "Not charging" are said while the mains feeds the machine, "Unknown" by who cannot tell.
    return [{ batteryPercent: percent, charging: ['Charging', 'Full', 'Not charging'].includes(read('status')) }];
  });
  return batteries.reduce<Power | null>(emptier, null) ?? MAINS;
}

const emptier = (power: Power | null, next: Power): Power =>
  power === null || next.batteryPercent! < power.batteryPercent! ? next : power;

function supplies(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}
