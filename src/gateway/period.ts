/** What a byte budget counts by. Pure. */

export type Period = 'day' | 'month';

/** "2026-11-24" or "2026-11", local time: budgets are those of people and their contracts. */
export function periodOf(wallMs: number, per: Period): string {
  const date = new Date(wallMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const month = `${date.getFullYear()}-${two(date.getMonth() + 1)}`;
  return per === 'day' ? `${month}-${two(date.getDate())}` : month;
}
