/** Names below the pin directory, and what is done with them without any other state: this is also the crash clean-up. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DetourError } from '../errors.js';
import { BpfLink, isBpffs } from '../libbpf/index.js';

const PREFIX = 'detour_';
const LINK_PREFIX = `${PREFIX}link_`;

export class PinDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  mapPath(map: string): string {
    // The object's read-only data carries the ABI version; a pin's name takes no dots.
    return join(this.path, `${PREFIX}${map === '.rodata' ? 'abi' : map}`);
  }

  linkPath(ifindex: number): string {
    return join(this.path, `${LINK_PREFIX}${ifindex}`);
  }

  has(path: string): boolean {
    return existsSync(path);
  }

  /** Ifindices of the pinned links. */
  links(): number[] {
    return this.#names(LINK_PREFIX)
      .map((name) => Number(name.slice(LINK_PREFIX.length)))
      .filter(Number.isInteger);
  }

  /** @throws DetourError when there is no bpffs. */
  create(): void {
    let parent = this.path;
    while (!existsSync(parent)) parent = dirname(parent);
    if (!isBpffs(parent)) {
      throw new DetourError('KERNEL_FEATURE_MISSING', {
        feature: `bpffs at ${this.path}`,
        remedy:
          'mount it: mount -t bpf bpf /sys/fs/bpf (or set dataplane.pin_path below a mounted one); "ip netns exec" hides it, "nsenter --net=/run/netns/NAME" does not',
      });
    }
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const remedy = 'run it as root, or make that directory and give it to the user of the controller';
      throw new DetourError('NOT_PERMITTED', { what: `making ${this.path}`, remedy }, { cause: error });
    }
  }

  /** Removes the pins of maps; programs that use them keep them alive. */
  removeMaps(): string[] {
    const names = this.#names(PREFIX).filter((name) => !name.startsWith(LINK_PREFIX));
    for (const name of names) unlinkSync(join(this.path, name));
    return names;
  }

  /** Detaches every program that is pinned here, then removes all pins of ours and the directory if it is empty. */
  removeAll(): string[] {
    const removed: string[] = [];
    for (const ifindex of this.links()) {
      this.removeLink(ifindex);
      removed.push(`${LINK_PREFIX}${ifindex}`);
    }
    removed.push(...this.removeMaps());
    this.#removeDirectory();
    return removed;
  }

  /** Unless others have something in it, or somebody else made it for us, who may not remove it from its parent. */
  #removeDirectory(): void {
    if (!existsSync(this.path) || readdirSync(this.path).length > 0) return;
    try {
      rmdirSync(this.path);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** Detaches at once, even if another process still holds the link. */
  removeLink(ifindex: number): void {
    const path = this.linkPath(ifindex);
    const link = BpfLink.openPinned(path);
    try {
      // A link whose device is gone is detached already.
      if (link.info().ifindex) link.detach();
    } finally {
      link.close();
      unlinkSync(path);
    }
  }

  #names(prefix: string): string[] {
    return existsSync(this.path) ? readdirSync(this.path).filter((name) => name.startsWith(prefix)) : [];
  }
}

/**
 * Detaches every program of Detour's and removes its pins, whatever process made them, also after a crash.
 * @returns the names of the pins removed
 */
export function unload(pinPath: string): string[] {
  return new PinDirectory(pinPath).removeAll();
}

/** How deep below the root of a bpffs directories of pins are looked for. */
const SEARCHED_DEPTH = 3;

/** Directories of every mounted bpffs that hold links of ours, also those of controllers of other namespaces. */
export function pinDirectories(): string[] {
  const found = new Set<string>();
  const search = (directory: string, depth: number): void => {
    let entries;
    try {
      entries = readdirSync(directory, { withFileTypes: true });
    } catch (error) {
      // Somebody else's, or gone since it was listed.
      if (isRefusal(error) || (error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    for (const entry of entries) {
      if (entry.name.startsWith(LINK_PREFIX)) found.add(directory);
      else if (entry.isDirectory() && depth < SEARCHED_DEPTH) search(join(directory, entry.name), depth + 1);
    }
  };
  for (const root of bpffsMounts()) search(root, 0);
  return [...found].sort();
}

/** Mount points of type bpf; a blank in a path is written as \040 (proc(5), mountinfo). */
function bpffsMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(' - bpf '))
    .map((line) =>
      line.split(' ')[4]!.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

/** The file system's permissions say no. */
function isRefusal(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}
