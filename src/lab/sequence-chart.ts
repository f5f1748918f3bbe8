/**
 * A message-sequence chart for the terminal, line by line as things happen:
 *
 *     1.234 s  router                                    phone
 *     1.240 s  |------ ELECT active, lease 15 s ------------>|
 *     1.252 s  |<----- ACCEPT IPv4, IPv6 --------------------|
 *     1.260 s  * traffic goes through phone
 *
 * Pure: it returns lines.
 */

export interface Exchange {
  /** Which side sent it. */
  from: 'left' | 'right';
  label: string;
}

const WIDTH = 62;
const LEAD = 6;

/** The head, again where the chart begins anew. */
export function chartHead(left: string, right: string): string {
  return `${left}${right.padStart(WIDTH - left.length)}`;
}

/** One message as an arrow; a label that is too long is cut. */
export function chartArrow({ from, label }: Exchange): string {
  const room = WIDTH - 4 - LEAD - 2;
  const text = label.length > room ? `${label.slice(0, room - 3)}...` : label;
  const line = `${'-'.repeat(LEAD)} ${text} `.padEnd(WIDTH - 3, '-');
  return from === 'left' ? `|${line}>|` : `|<${line}|`;
}

/** What one of them did, or what became of the traffic; `-` on the right side's end. */
export function chartNote(side: 'left' | 'right', text: string): string {
  return side === 'left' ? `* ${text}` : `${text} *`.padStart(WIDTH);
}
