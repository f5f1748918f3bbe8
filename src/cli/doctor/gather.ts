/** Collects what the checks look at. Nothing here fails: what cannot be found out is `unknown`, with the reason. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { defaultKernel } from '../../config/defaults.js';
import { ConfigError, formatProblem, loadConfig, type LoadedConfig } from '../../config/index.js';
import { messageOf } from '../../errors.js';
import { listNft, NftError } from '../../nft.js';
import type { DoctorInput, Files, Unknown } from './finding.js';

const attempt = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch {
    return null;
  }
};

const hostFiles: Files = {
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  exists: (path) => existsSync(path),
  link: (path) => attempt(() => readlinkSync(path)),
};

/** @param configFile null: look at the machine and every interface */
export async function gather(configFile: string | null): Promise<DoctorInput> {
  const { loaded, configProblems } = readConfig(configFile);
  // The addon is imported here and not above: doctor is what says that it does not load.
  const addon = await known(() => import('../../native.js'));
  const native = isReason(addon) ? null : addon.native;
  const needsAddon: Unknown = { unknown: 'the native addon does not load' };
  const view = native ? await known(() => readView(loaded)) : needsAddon;
  const open = native?.openNetlink.bind(native);
  const features = open
    ? await known(async () => (await import('./sources/ethtool.js')).readFeatures(open))
    : needsAddon;
  const hooks = open ? await known(async () => (await import('./sources/netfilter.js')).readHooks(open)) : needsAddon;
  return {
    files: hostFiles,
    loaded,
    configProblems,
    view,
    features,
    hooks,
    nft: await readNft(),
    libraries: {
      addon: isReason(addon) ? addon : 'loads',
      libbpf: await known(async () => {
        const { libbpf } = await import('../../libbpf/bindings.js');
        return libbpf().libbpf_version_string() ?? 'unknown';
      }),
    },
  };
}

function readConfig(file: string | null): { loaded: LoadedConfig | null; configProblems: string[] } {
  if (file === null) return { loaded: null, configProblems: [] };
  try {
    return { loaded: loadConfig(file), configProblems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { loaded: null, configProblems: error.problems.map(formatProblem) };
    throw error;
  }
}

async function readView(loaded: LoadedConfig | null): Promise<Exclude<DoctorInput['view'], Unknown>> {
  const { createKernelFib } = await import('../../kernel/index.js');
  const fib = await createKernelFib(loaded?.config.kernel ?? defaultKernel);
  try {
    return fib.view();
  } finally {
    // Keep: a doctor withdraws nothing, least of all the routes of a controller that runs.
    await fib.close({ keep: true });
  }
}

/** Listing tables asks the kernel, too; what nft says of itself comes with every answer. */
async function readNft(): Promise<DoctorInput['nft']> {
  try {
    const [first] = await listNft('list tables');
    return { version: (first?.['metainfo'] as { version?: string } | undefined)?.version ?? 'unknown' };
  } catch (error) {
    if (error instanceof NftError && error.exitCode === null) return { version: null, problem: error.message };
    return { unknown: messageOf(error) };
  }
}

async function known<T>(read: () => Promise<T>): Promise<T | Unknown> {
  try {
    return await read();
  } catch (error) {
    return { unknown: messageOf(error) };
  }
}

const isReason = (value: object): value is Unknown => 'unknown' in value;
