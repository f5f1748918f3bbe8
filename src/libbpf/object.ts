/**
 * From an object file to programs in the kernel: `BpfObject.open()` gives a `BpfObjectSpec`, in which globals, sizes
 * and the choice of programs can be set; `load()` makes of it a `BpfObject`.
 */
import { addressOf, check, copyMemory, lastErrno, libbpf, type Address } from './bindings.js';
import { Btf } from './btf.js';
import { btfCodec, inField, plainCodec, type Codec } from './codec.js';
import { BpfError } from './errors.js';
import { mapInfo, type MapInfo } from './info.js';
import { withLibbpfLog } from './log.js';
import { BpfMap, MapType, type MapCodecs } from './map.js';
import { BpfProgram } from './program.js';

const OPEN_OPTIONS_BYTES = 80;
/** Only touched (and so only resident) when a program is rejected; libbpf then asks for the log by itself. */
const VERIFIER_LOG_BYTES = 16 * 1024 * 1024;
const BPF_F_RDONLY_PROG = 1 << 7;

export interface MapDefinition {
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  mapFlags: number;
}

interface MapEntry {
  handle: Address;
  keyTypeId: number;
  valueTypeId: number;
}

/** Everything of an open bpf_object that both stages share. */
interface Handles {
  path: string;
  object: Address;
  btf: Btf | null;
  programs: Map<string, Address>;
  maps: Map<string, MapEntry>;
}

/** An opened object file, not yet in the kernel. */
export class BpfObjectSpec {
  readonly #handles: Handles;
  readonly #verifierLog: Buffer;
  /** libbpf only keeps the pointers. */
  readonly #options: Buffer;
  #state: 'open' | 'loaded' | 'closed' = 'open';

  /** @internal Use BpfObject.open(). */
  constructor(path: string) {
    this.#verifierLog = Buffer.alloc(VERIFIER_LOG_BYTES);
    this.#options = openOptions(this.#verifierLog);
    const object = withLibbpfLog((log) => {
      const address = libbpf().bpf_object__open_file(path, this.#options);
      if (address === 0) {
        throw new BpfError({ call: 'bpf_object__open_file', errno: lastErrno(), subject: path, libbpfLog: log() });
      }
      return address;
    });
    try {
      this.#handles = readHandles(path, object);
    } catch (error) {
      libbpf().bpf_object__close(object);
      throw error;
    }
  }

  /** Type information of the object; null when it was compiled without -g. */
  get btf(): Btf | null {
    return this.#handles.btf;
  }

  get programNames(): string[] {
    return [...this.#handles.programs.keys()];
  }

  get mapNames(): string[] {
    return [...this.#handles.maps.keys()];
  }

  /** Sets a global variable (`const volatile` or not) by name, in the form its BTF codec takes. */
  setGlobal(name: string, value: unknown): this {
    const variable = this.#findGlobal(name);
    const section = this.#map(variable.section);
    const size = Buffer.alloc(8);
    const memory = libbpf().bpf_map__initial_value(section.handle, size);
    const bytes = copyMemory(memory, Number(size.readBigUInt64LE()));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    inField(name, () => variable.codec.encode(view, variable.offset, value));
    const result = libbpf().bpf_map__set_initial_value(section.handle, bytes, bytes.length);
    check(result, 'bpf_map__set_initial_value', name);
    return this;
  }

  setMaxEntries(map: string, maxEntries: number): this {
    const result = libbpf().bpf_map__set_max_entries(this.#map(map).handle, maxEntries);
    check(result, 'bpf_map__set_max_entries', `map ${map}`);
    return this;
  }

  /** Loads only these programs; the others are not shown to the verifier. */
  selectPrograms(names: readonly string[]): this {
    for (const name of names) this.#program(name);
    for (const [name, handle] of this.#handles.programs) {
      check(libbpf().bpf_program__set_autoload(handle, names.includes(name)), 'bpf_program__set_autoload', name);
    }
    return this;
  }

  mapDefinition(map: string): MapDefinition {
    const { handle } = this.#map(map);
    return {
      type: libbpf().bpf_map__type(handle),
      keySize: libbpf().bpf_map__key_size(handle),
      valueSize: libbpf().bpf_map__value_size(handle),
      maxEntries: libbpf().bpf_map__max_entries(handle),
      mapFlags: libbpf().bpf_map__map_flags(handle),
    };
  }

  /**
   * Uses an existing map in the place of the one the object defines.
   * @throws BpfError naming the difference when type, sizes or flags do not agree: set sizes first.
   */
  reuseMap(map: string, existing: { readonly fd: number }): this {
    const difference = mapDifference(this.mapDefinition(map), mapInfo(existing.fd));
    if (difference) {
      throw new BpfError({
        call: 'bpf_map__reuse_fd',
        errno: 22,
        subject: `map ${map}`,
        advice: `the existing map differs in ${difference}`,
      });
    }
    check(libbpf().bpf_map__reuse_fd(this.#map(map).handle, existing.fd), 'bpf_map__reuse_fd', `map ${map}`);
    return this;
  }

  /**
   * Creates the maps and loads the programs. The spec is used up, also by a failure.
   * @throws BpfError with the verifier's and libbpf's log.
   */
  load(): BpfObject {
    this.#needOpen();
    withLibbpfLog((log) => {
      const result = libbpf().bpf_object__load(this.#handles.object);
      if (result >= 0) return;
      const end = this.#verifierLog.indexOf(0);
      const verifierLog = this.#verifierLog.toString('utf8', 0, end < 0 ? undefined : end);
      const { path } = this.#handles;
      this.close();
      throw new BpfError({ call: 'bpf_object__load', errno: result, subject: path, verifierLog, libbpfLog: log() });
    });
    this.#state = 'loaded';
    return new BpfObject(this.#handles, this);
  }

  /** Frees everything; nothing after load() (the BpfObject owns it then). */
  close(): void {
    if (this.#state === 'open') libbpf().bpf_object__close(this.#handles.object);
    if (this.#state === 'open') this.#state = 'closed';
  }

  #needOpen(): void {
    if (this.#state === 'open') return;
    throw new BpfError({
      call: 'BpfObjectSpec',
      subject: this.#handles.path,
      advice: `it is already ${this.#state}; open the file again`,
    });
  }

  #map(name: string): MapEntry {
    this.#needOpen();
    return lookUp(this.#handles.maps, name, 'map', this.#handles.path);
  }

  #program(name: string): Address {
    this.#needOpen();
    return lookUp(this.#handles.programs, name, 'program', this.#handles.path);
  }

  #findGlobal(name: string): { section: string; offset: number; codec: Codec<unknown> } {
    this.#needOpen();
    const { btf } = this.#handles;
    for (const type of btf?.types ?? []) {
      if (type.kind !== 'datasec' || !btf) continue;
      for (const variable of type.variables) {
        if (btf.type(variable.type).name === name && this.#handles.maps.has(type.name)) {
          return { section: type.name, offset: variable.offset, codec: btfCodec(btf, variable.type) };
        }
      }
    }
    throw new BpfError({
      call: 'setGlobal',
      errno: 2,
      subject: `${name} in ${this.#handles.path}`,
      advice: 'there is no such global variable (static ones that the compiler folded away do not count)',
    });
  }
}

/** An object whose programs and maps are in the kernel, for as long as this is open or something else holds them. */
export class BpfObject {
  readonly #handles: Handles;
  /** Keeps the spec's buffers: libbpf has their addresses until the object is closed. */
  #spec: BpfObjectSpec | null;

  /** @internal Use BpfObject.open(path).load(). */
  constructor(handles: Handles, spec: BpfObjectSpec) {
    this.#handles = handles;
    this.#spec = spec;
  }

  /** Parses an object file (ELF, made by clang -target bpf -g). @throws BpfError */
  static open(path: string): BpfObjectSpec {
    return new BpfObjectSpec(path);
  }

  get btf(): Btf | null {
    return this.#handles.btf;
  }

  get programNames(): string[] {
    return [...this.#handles.programs.keys()];
  }

  get mapNames(): string[] {
    return [...this.#handles.maps.keys()];
  }

  /** @throws BpfError when there is no such program or it was not selected for loading. */
  program(name: string): BpfProgram {
    this.#needOpen();
    const handle = lookUp(this.#handles.programs, name, 'program', this.#handles.path);
    const fd = check(libbpf().bpf_program__fd(handle), 'bpf_program__fd', `program ${name} (was it loaded?)`);
    return new BpfProgram(fd, name, libbpf().bpf_program__section_name(handle) ?? '', handle);
  }

  /**
   * A map by its C name; global variables are maps, too: ".bss", ".data", ".rodata".
   * @param codecs override what BTF says. @throws BpfError
   */
  map<K = unknown, V = unknown>(name: string, codecs: MapCodecs<K, V> = {}): BpfMap<K, V> {
    this.#needOpen();
    const entry = lookUp(this.#handles.maps, name, 'map', this.#handles.path);
    const fd = check(libbpf().bpf_map__fd(entry.handle), 'bpf_map__fd', `map ${name}`);
    const { btf } = this.#handles;
    const info = mapInfo(fd);
    const derived = {
      key: codecOf(btf, entry.keyTypeId, info.keySize),
      value: codecOf(btf, entry.valueTypeId, info.valueSize),
    } as MapCodecs<K, V>;
    return new BpfMap<K, V>(fd, name, info, { ...derived, ...codecs }, false);
  }

  /** Closes all descriptors: maps and programs go unless pinned, attached or held by others. Links are not touched. */
  close(): void {
    if (this.#spec) libbpf().bpf_object__close(this.#handles.object);
    this.#spec = null;
  }

  #needOpen(): void {
    if (!this.#spec) throw new BpfError({ call: 'BpfObject', subject: this.#handles.path, advice: 'it is closed' });
  }
}

/** How a definition and an existing map differ, in words; null when one can stand for the other. */
export function mapDifference(wanted: MapDefinition, actual: MapInfo): string | null {
  const isDevmap = wanted.type === MapType.DEVMAP || wanted.type === MapType.DEVMAP_HASH;
  // The kernel adds this flag to device maps by itself.
  const ignoredFlags = isDevmap ? BPF_F_RDONLY_PROG : 0;
  const pairs: [string, number, number][] = [
    ['type', wanted.type, actual.type],
    ['key size', wanted.keySize, actual.keySize],
    ['value size', wanted.valueSize, actual.valueSize],
    ['max_entries', wanted.maxEntries, actual.maxEntries],
    ['flags', wanted.mapFlags & ~ignoredFlags, actual.mapFlags & ~ignoredFlags],
  ];
  const different = pairs.filter(([, want, have]) => want !== have);
  return different.length
    ? different.map(([what, want, have]) => `${what} (${have}, wanted ${want})`).join(', ')
    : null;
}

/** struct bpf_object_open_opts of libbpf 1.1; log level 0: the log is only asked for after a failure. */
function openOptions(verifierLog: Buffer): Buffer {
  const options = Buffer.alloc(OPEN_OPTIONS_BYTES);
  options.writeBigUInt64LE(BigInt(OPEN_OPTIONS_BYTES), 0); // sz
  options.writeBigUInt64LE(addressOf(verifierLog), 56); // kernel_log_buf
  options.writeBigUInt64LE(BigInt(verifierLog.length), 64); // kernel_log_size
  return options;
}

function readHandles(path: string, object: Address): Handles {
  const lib = libbpf();
  const programs = new Map<string, Address>();
  for (let p = lib.bpf_object__next_program(object, 0); p !== 0; p = lib.bpf_object__next_program(object, p)) {
    programs.set(lib.bpf_program__name(p) ?? '', p);
  }
  const maps = new Map<string, MapEntry>();
  for (let m = lib.bpf_object__next_map(object, 0); m !== 0; m = lib.bpf_object__next_map(object, m)) {
    const name = lib.bpf_map__name(m) ?? '';
    // libbpf puts the object's name before ".rodata" and its like; the section's name is what one looks for.
    maps.set(lib.bpf_map__is_internal(m) ? name.slice(name.indexOf('.')) : name, {
      handle: m,
      keyTypeId: lib.bpf_map__btf_key_type_id(m),
      valueTypeId: lib.bpf_map__btf_value_type_id(m),
    });
  }
  return { path, object, btf: readBtf(object), programs, maps };
}

/** libbpf's copy: unlike the file's, its data sections have sizes and offsets. */
function readBtf(object: Address): Btf | null {
  const btf = libbpf().bpf_object__btf(object);
  if (btf === 0) return null;
  const size = Buffer.alloc(4);
  const data = libbpf().btf__raw_data(btf, size);
  return Btf.parse(copyMemory(data, size.readUInt32LE()));
}

function codecOf(btf: Btf | null, typeId: number, size: number): Codec<unknown> {
  return btf && typeId !== 0 ? btfCodec(btf, typeId) : plainCodec(size);
}

function lookUp<T>(table: ReadonlyMap<string, T>, name: string, kind: string, path: string): T {
  const entry = table.get(name);
  if (entry !== undefined) return entry;
  throw new BpfError({
    call: `find ${kind}`,
    errno: 2,
    subject: `${kind} ${name} in ${path}`,
    advice: `there are: ${[...table.keys()].join(', ') || 'none'}`,
  });
}
