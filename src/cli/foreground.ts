/** For commands that stay in the foreground as a service: how they are told to end, and whom they tell that they have begun. */
import { messageOf } from '../errors.js';

type ErrorLog = (level: 'error', text: string) => void;

/** Of a unit with Type=notify; elsewhere there is nobody to tell. */
export async function tellSystemd(log: ErrorLog): Promise<void> {
  const socket = process.env['NOTIFY_SOCKET'];
  if (socket === undefined) return;
  try {
    const { notifySystemd } = await import('./systemd.js');
    notifySystemd('READY=1', socket);
  } catch (error) {
    log('error', `systemd is not told that this is ready, and will end it: ${messageOf(error)}`);
  }
}

const LEFT_OPEN_MS = 2000;

/** What failed to close may hold the event loop; the kernel closes it with the process. Exits with the code set by then. */
export function endAnyway(): void {
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
}

type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** SIGTERM or SIGINT ends cleanly, however often it is told. A second Ctrl-C ends at once: the next start cleans up. */
export function stopSignal(signals: readonly StopSignal[] = ['SIGTERM', 'SIGINT']): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked && signal === 'SIGINT') process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Requests that come before `begin` are one request at `begin`: unheard, SIGHUP would end the process. */
export function reloading(reloadNow: () => void): { request: () => void; begin: () => void } {
  let begun = false;
  let wanted = false;
  return {
    request: () => {
      if (begun) reloadNow();
      else wanted = true;
    },
    begin: () => {
      begun = true;
      if (wanted) reloadNow();
    },
  };
}
