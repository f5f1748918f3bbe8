/** The unix socket's file: who may connect, who owns it, and what to do with one that nobody answers on. */
import { chmod, lstat, mkdir, rename, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { DetourError } from '../errors.js';

/** sun_path of sockaddr_un (unix(7)) less its final NUL, in bytes. */
const MAXIMUM_PATH_BYTES = 107;
const SOCKET_MODE = 0o660;
const DIRECTORY_MODE = 0o750;
const ANSWER_TIMEOUT_MS = 2000;

/** A place to bind to, and how to put the bound socket where clients look for it. */
export interface SocketClaim {
  /** Bind here: a name that clients do not know. */
  temporaryPath: string;
  /** Sets mode 0660 and moves it to its path: from the first moment on, it has the right mode. */
  publish(): Promise<void>;
  /** Removes it, unless another process has put its own there. */
  release(): Promise<void>;
}

/**
 * Makes the directory (0750) if it is missing, and makes sure that no other controller answers at `path`.
 * @throws DetourError ALREADY_RUNNING, LISTEN_FAILED
 */
export async function claimSocket(path: string): Promise<SocketClaim> {
  const temporaryPath = join(dirname(path), `.${process.pid}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(temporaryPath)) > MAXIMUM_PATH_BYTES) {
    const reason = `a socket path may have ${MAXIMUM_PATH_BYTES} bytes: choose a shorter one`;
    throw new DetourError('LISTEN_FAILED', { address: path, reason });
  }
  await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE }).catch(refuse(path));
  const present = await lstat(path).catch(ignoreMissing);
  if (present !== null && !present.isSocket()) {
    const reason = 'a file that is not a socket is there: remove it or choose another path';
    throw new DetourError('LISTEN_FAILED', { address: path, reason });
  }
  if (present !== null && (await somebodyAnswers(path))) {
    throw new DetourError('ALREADY_RUNNING', { who: `a controller answers at ${path}` });
  }
  await unlink(temporaryPath).catch(ignoreMissing);

  let inode = 0n;
  return {
    temporaryPath,
    async publish() {
      await chmod(temporaryPath, SOCKET_MODE);
      inode = (await lstat(temporaryPath, { bigint: true })).ino;
      // Replaces a stale socket in one step: there is no moment without a socket, nor one with the wrong mode.
      await rename(temporaryPath, path);
    },
    async release() {
      await unlink(temporaryPath).catch(ignoreMissing);
      const now = await lstat(path, { bigint: true }).catch(ignoreMissing);
      if (now !== null && now.ino === inode) await unlink(path).catch(ignoreMissing);
    },
  };
}

/** Whether a process accepts connections there. A busy one that has no room in its backlog counts as answering. */
function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const answer = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => answer(true));
    socket.once('connect', () => answer(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return answer(false);
      if (error.code === 'EAGAIN') return answer(true);
      reject(new DetourError('LISTEN_FAILED', { address: path, reason: error.message }, { cause: error }));
    });
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

function refuse(path: string) {
  return (error: NodeJS.ErrnoException): never => {
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      const remedy = 'choose a place for api.socket that the user of the controller may write to, or run it as root';
      throw new DetourError('NOT_PERMITTED', { what: `making ${dirname(path)}`, remedy }, { cause: error });
    }
    throw new DetourError('LISTEN_FAILED', { address: path, reason: error.message }, { cause: error });
  };
}
