/** Quantities as people read them. Pure; every name says what unit goes in. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** "850 ms", "12 s", "3 m 12 s", "2 h 5 m", "4 d 3 h": two units at most, rounded down. */
export function formatDurationMs(durationMs: number): string {
  const ms = Math.max(0, Math.floor(durationMs));
  if (ms < SECOND_MS) return `${ms} ms`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`;
  if (ms < HOUR_MS) return two(ms, MINUTE_MS, 'm', SECOND_MS, 's');
  if (ms < DAY_MS) return two(ms, HOUR_MS, 'h', MINUTE_MS, 'm');
  return two(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  const head = `${Math.floor(ms / large)} ${largeName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}

/** "840 us", "12.3 ms", "181 ms", "2.4 s"; null, that is unknown: "-". */
export function formatLatencyUs(us: number | null): string {
  if (us === null) return '-';
  if (us < 1000) return `${Math.round(us)} us`;
  if (us < 1_000_000) return `${three(us / 1000)} ms`;
  return `${three(us / 1_000_000)} s`;
}

/** "0 %", "0.5 %", "12 %", "100 %"; null: "-". Some loss is never shown as none, and some replies never as none. */
export function formatPercent(percent: number | null): string {
  if (percent === null) return '-';
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  if (percent > 99 && percent < 100) return `${Math.floor(percent * 10) / 10} %`;
  return `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %`;
}

/** Bytes with decimal prefixes: "512 B", "98.8 MB", "18.4 EB". */
export function formatBytes(bytes: bigint | number): string {
  return scaled(Number(bytes), ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']);
}

/** Packets and other counts: "512", "12.3 k", "9.01 P". */
export function formatCount(count: bigint | number): string {
  return scaled(Number(count), ['', 'k', 'M', 'G', 'T', 'P', 'E']).trimEnd();
}

/** Bits a second of a number of bytes in a time: "0 bit/s", "9.4 Mbit/s". */
export function formatRate(bytes: bigint, elapsedMs: number): string {
  if (elapsedMs <= 0) return '-';
  return scaled((Number(bytes) * 8 * SECOND_MS) / elapsedMs, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
}

function scaled(value: number, units: readonly string[]): string {
  let index = 0;
  let rest = value;
  // 999.5 would be shown as "1000": it is the next unit's 1.
  while (rest >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index++;
  }
  return `${index === 0 ? Math.round(rest) : three(rest)} ${units[index]}`;
}

/** Three significant digits, as far as there is anything behind the point: 1.23, 12.3, 123. */
function three(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return String(Number(value.toFixed(value >= 9.995 ? 1 : 2)));
}

/** "2026-01-02 03:04:05.678", local time. */
export function formatTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day} ${time}.${pad(date.getMilliseconds(), 3)}`;
}
