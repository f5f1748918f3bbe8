/**
 * Object file -> loaded program and maps. Pinned maps of an earlier run are taken over if their ABI version and every
 * size agree with the object; otherwise all of them are replaced, and `notes` says why.
 */
import { Constant } from '../abi/index.js';
import { DetourError, messageOf } from '../errors.js';
import { BpfError, BpfMap, BpfObject, type BpfObjectSpec, type BpfProgram } from '../libbpf/index.js';
import type { PinDirectory } from './pins.js';

/** Multi-buffer form first; a kernel that lacks it refuses the flag. */
const PROGRAMS = ['detour_xdp_frags', 'detour_xdp'];

export interface LoadOptions {
  objectFile: string;
  /** Size of each route table. */
  maxRoutes: number;
}

export interface Loaded {
  object: BpfObject;
  program: BpfProgram;
  /** Pinned maps of an earlier run are in use. */
  takenOver: boolean;
  /** For the log. */
  notes: string[];
}

/** @throws DetourError BPF_LOAD_FAILED, with the BpfError as its cause */
export function loadDataPlane(options: LoadOptions, pins: PinDirectory): Loaded {
  const notes: string[] = [];
  const hadPins = pins.has(pins.mapPath('.rodata'));
  let lastError: unknown;
  for (const reuse of hadPins ? [true, false] : [false]) {
    for (const programName of PROGRAMS) {
      try {
        const object = loadOnce(options, pins, programName, reuse);
        if (!reuse) replacePins(object, pins);
        return { object, program: object.program(programName), takenOver: reuse, notes };
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        lastError = error;
        if (error instanceof StateMismatch) break;
        // Without the right to load, or without the file, another attempt only hides the cause.
        if (error instanceof BpfError && (error.errnoName === 'EPERM' || error.errnoName === 'ENOENT')) break;
        if (!(error instanceof BpfError)) throw error;
      }
    }
    if (reuse) notes.push(describeReplacement(messageOf(lastError)));
  }
  throw new DetourError(
    'BPF_LOAD_FAILED',
    { object: options.objectFile, reason: messageOf(lastError) },
    { cause: lastError },
  );
}

/** Ordinary after an update, another size in the configuration or `detour load`: without the kernel's name for a failure. */
const describeReplacement = (reason: string): string =>
  `the maps that an earlier run or "detour load" left do not fit and are replaced: ${reason.replace(/\bE[A-Z0-9]+: /, '')}`;

/** The pinned state is of another version or size. */
class StateMismatch extends Error {}

function loadOnce(options: LoadOptions, pins: PinDirectory, programName: string, reuse: boolean): BpfObject {
  const spec = BpfObject.open(options.objectFile);
  try {
    requireOurAbi(spec, options.objectFile);
    spec.selectPrograms([programName]);
    spec.setMaxEntries('routes4', options.maxRoutes).setMaxEntries('routes6', options.maxRoutes);
    if (reuse) reusePinnedMaps(spec, pins);
    return spec.load();
  } catch (error) {
    spec.close();
    throw error;
  }
}

function requireOurAbi(spec: BpfObjectSpec, file: string): void {
  const constants = spec.btf?.find('enum', 'detour_constant');
  const version = constants?.values.find(({ name }) => name === 'DETOUR_ABI_VERSION')?.value;
  if (version === BigInt(Constant.DETOUR_ABI_VERSION)) return;
  throw new DetourError('BPF_LOAD_FAILED', {
    object: file,
    reason: `its ABI version is ${version ?? 'unknown'}, this program's ${Constant.DETOUR_ABI_VERSION}: run "make build"`,
  });
}

function sharedMaps(names: readonly string[]): string[] {
  return names.filter((name) => !name.startsWith('.'));
}

/** @throws StateMismatch naming the first map that does not fit */
function reusePinnedMaps(spec: BpfObjectSpec, pins: PinDirectory): void {
  const abi = BpfMap.openPinned<number, { detour_abi?: { version?: number } }>(pins.mapPath('.rodata'));
  try {
    const version = abi.get(0)?.detour_abi?.version;
    if (version !== Constant.DETOUR_ABI_VERSION) throw new StateMismatch(`they are of ABI version ${version}`);
  } finally {
    abi.close();
  }
  for (const name of sharedMaps(spec.mapNames)) {
    if (!pins.has(pins.mapPath(name))) throw new StateMismatch(`there is no ${name}`);
    const map = BpfMap.openPinned(pins.mapPath(name));
    try {
      // libbpf keeps a descriptor of its own.
      spec.reuseMap(name, map);
    } catch (error) {
      throw error instanceof BpfError ? new StateMismatch(error.message) : error;
    } finally {
      map.close();
    }
  }
}

/** Only once the new ones are good. The attached program keeps the old maps until its link is given the new program. */
function replacePins(object: BpfObject, pins: PinDirectory): void {
  pins.removeMaps();
  for (const name of sharedMaps(object.mapNames)) object.map(name).pin(pins.mapPath(name));
  // Last: without it, what is there counts as unusable.
  object.map('.rodata').pin(pins.mapPath('.rodata'));
}
