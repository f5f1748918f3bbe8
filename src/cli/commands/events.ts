/** `detour events`: what was decided and why, from the log or as it happens. */
import { InvalidArgumentError, type Command } from 'commander';
import type { EventListResource, EventResource } from '../../api/resources/event.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { ApiClient } from '../client.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import type { ServerSentEvent } from '../sse.js';

const PAGE = 1000;
const DEFAULT_LAST = 20;

interface EventsOptions extends ClientOptions {
  follow?: true;
  after?: number;
  last: number;
  json?: true;
}

export function registerEvents(program: Command, context: CliContext): void {
  addClientOptions(program.command('events'))
    .description('print the event log: every transition with its cause')
    .option('-f, --follow', 'go on as events happen, until Ctrl-C; a restart of the controller does not end it')
    .option('--after <sequence>', 'only entries after this number; 0: all that are kept', wholeNumber)
    .option('-n, --last <count>', 'how many of the newest, without --after', wholeNumber, DEFAULT_LAST)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', example('detour events', 'detour events --follow', 'detour events --after 120 --json'))
    .action(async (options: EventsOptions) => {
      const client = clientFrom(options);
      const print = await printer(context, options.json === true);
      const seen = await printLog(client, options, print);
      if (options.follow) await followLog(client, seen, context, print);
    });
}

type Print = (event: EventResource) => void;

async function printer(context: CliContext, json: boolean): Promise<Print> {
  if (json) return (event) => context.out(JSON.stringify(event));
  const { renderEvent } = await import('../views/events.js');
  return (event) => context.out(renderEvent(event, context.color));
}

/** Prints what the log has and returns the cursor of the last entry. */
async function printLog(client: ApiClient, { after, last }: EventsOptions, print: Print): Promise<string> {
  const { newest, run, next } = await client.get<EventListResource>(
    `/v1/events?after=${Number.MAX_SAFE_INTEGER}&limit=1`,
  );
  let seen = after ?? Math.max(0, newest - last);
  let cursor = seen >= newest ? next : `${run}-${seen}`;
  // Not beyond what was the newest at the start: a busy log has an end, too.
  while (seen < newest) {
    const page = await client.get<EventListResource>(`/v1/events?after=${cursor}&limit=${PAGE}`);
    // What follows is another log; --follow tells so.
    if (page.restarted || page.events.length === 0) break;
    page.events.forEach(print);
    seen = page.events.at(-1)!.sequence;
    cursor = page.next;
  }
  return cursor;
}

async function followLog(client: ApiClient, seen: string, context: CliContext, print: Print): Promise<void> {
  const [{ follow }, { interruption }] = await Promise.all([import('../follow.js'), import('../interrupt.js')]);
  const { signal, dispose } = interruption();
  const onMessage = (message: ServerSentEvent): void => {
    if (message.event === 'restarted') return context.err('detour: the controller has been restarted');
    if (message.event !== 'gap') return print(JSON.parse(message.data) as EventResource);
    const { missedFrom, missedTo, reason } = JSON.parse(message.data) as Record<string, unknown>;
    context.err(
      `detour: events after ${Number(missedFrom) - 1} up to ${String(missedTo)} are missing: ${String(reason)}`,
    );
  };
  const onLost = (): void => context.err('detour: the connection to the controller is lost; trying again each second');
  try {
    await follow(client, seen, { onMessage, onLost }, signal);
  } finally {
    dispose();
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
