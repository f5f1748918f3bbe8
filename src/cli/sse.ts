/** Parser of Server-Sent Events (HTML Living Standard, section 9.2.6), fed with chunks cut anywhere. */

export interface ServerSentEvent {
  id: string | null;
  event: string;
  data: string;
}

export class SseParser {
  #rest = '';
  #id: string | null = null;
  #event = 'message';
  #data: string[] = [];

  /** The messages that this chunk completes. Comments (heartbeats) and unknown fields are passed over. */
  push(chunk: string): ServerSentEvent[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop()!;
    const complete: ServerSentEvent[] = [];
    for (const line of lines) {
      const message = this.#line(line.replace(/\r$/, ''));
      if (message !== null) complete.push(message);
    }
    return complete;
  }

  #line(line: string): ServerSentEvent | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id') this.#id = value;
    return null;
  }

  #dispatch(): ServerSentEvent | null {
    const message = { id: this.#id, event: this.#event, data: this.#data.join('\n') };
    const hasData = this.#data.length > 0;
    this.#event = 'message';
    this.#data = [];
    return hasData ? message : null;
  }
}
