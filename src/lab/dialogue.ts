/** What router and node say to each other, as it is told: what only repeats the last message is left out. */
import { native } from '../native.js';
import { describeMessage } from './protocol-watch.js';
import type { SeenMessage } from './protocol-watch.js';
import { chartArrow, chartHead, chartNote } from './sequence-chart.js';
import type { Dialogue } from './story-parts.js';
import { SENT_BY } from '../gateway/wire/types.js';
import type { Message } from '../gateway/wire/types.js';

export class DialogueTeller {
  readonly dialogue: Dialogue;
  readonly seen: SeenMessage[] = [];
  readonly #say: (text: string) => void;
  /** What each type of message said last. */
  readonly #told = new Map<Message['type'], string>();

  constructor(between: readonly [string, string], say: (text: string) => void) {
    this.dialogue = { between, lines: [] };
    this.#say = say;
    say(chartHead(...between));
  }

  readonly heard = (seen: SeenMessage): void => {
    this.seen.push(seen);
    const { type } = seen.message;
    const gist = gistOf(seen.message);
    if (gist === null || gist === this.#told.get(type)) return;
    this.#told.set(type, gist);
    const from = SENT_BY[seen.message.type] === 'router' ? 'left' : 'right';
    const label = describeMessage(seen.message);
    this.dialogue.lines.push({ atNs: seen.atNs, from, label });
    this.#say(chartArrow({ from, label }));
  };

  note(text: string): void {
    this.dialogue.lines.push({ atNs: native.monotonicNs(), note: text });
    this.#say(chartNote('left', text));
  }
}

/** What tells a message from one that only repeats it; null: never told, because it comes all the time. */
function gistOf(message: Message): string | null {
  switch (message.type) {
    case 'advertise':
      return null;
    case 'renew':
    case 'status':
      return `${message.lease.number} ${message.lease.role}`;
    case 'withdraw':
      return message.reason.code;
    case 'elect':
    case 'accept':
    case 'refuse':
    case 'release':
    case 'released':
      return `${message.lease.number}`;
  }
}
