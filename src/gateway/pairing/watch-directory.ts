/** Watches a directory of small files, across its removal and its being made again. */
import { lstatSync, watch, type FSWatcher } from 'node:fs';

/** One change is often several notifications. */
const SETTLE_MS = 20;
const AGAIN_MS = 1000;

export interface DirectoryWatch {
  close(): void;
}

export interface WatchOptions {
  /** Makes the directory if it is not there. May throw: it is tried again each second. */
  prepare: () => void;
  /** Something may have changed; also called when the watch begins. */
  onChange: () => void;
}

/** Does not keep the process alive. */
export function watchDirectory(path: string, { prepare, onChange }: WatchOptions): DirectoryWatch {
  let watcher: FSWatcher | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  /** What is planned already is not put off: a directory that changes all the time is read all the same. */
  const later = (delayMs: number, action: () => void): void => {
    if (closed || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      action();
    }, delayMs);
    timer.unref();
  };
  const stop = (): void => {
    watcher?.close();
    watcher = null;
  };
  const again = (): void => {
    stop();
    if (timer !== null) clearTimeout(timer);
    timer = null;
    later(AGAIN_MS, start);
  };
  const settled = (inode: number): void => {
    onChange();
    if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) again();
  };
  function start(): void {
    try {
      prepare();
      const inode = lstatSync(path).ino;
      watcher = watch(path, { persistent: false });
      watcher.on('error', again);
      watcher.on('change', () => later(SETTLE_MS, () => settled(inode)));
    } catch {
      // What reads the directory says what is wrong with it; here it is only tried again.
      again();
    }
    // What happened before the watch began.
    onChange();
  }

  start();
  return {
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      stop();
    },
  };
}
