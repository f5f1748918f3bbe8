/** An object file before it is in the kernel: globals, sizes and the choice of programs can still be set. */
import { addressOf, check, copyMemory, lastErrno, libbpf } from './bindings.js';
import { btfCodec, inField, type Codec } from './codec.js';
import { BpfError } from './errors.js';
import { mapInfo } from './info.js';
import { withLibbpfLog } from './log.js';
import { mapDifference, type MapDefinition } from './map-definition.js';
import type { BpfObject } from './object.js';
import { ObjectContents, readHandles, type Handles } from './object-contents.js';

const OPEN_OPTIONS_BYTES = 80;
/** Only touched (and so only resident) when a program is rejected; libbpf then asks for the log by itself. */
const VERIFIER_LOG_BYTES = 16 * 1024 * 1024;

type NextStage = (handles: Handles, spec: BpfObjectSpec) => BpfObject;

/** An opened object file, not yet in the kernel. */
export class BpfObjectSpec extends ObjectContents {
  /** libbpf only keeps their addresses. */
  readonly #buffers: { verifierLog: Buffer; options: Buffer };
  readonly #next: NextStage;
  #state: 'open' | 'loaded' | 'closed' = 'open';

  /** @internal Use BpfObject.open(). */
  constructor(path: string, next: NextStage) {
    const verifierLog = Buffer.alloc(VERIFIER_LOG_BYTES);
    const options = openOptions(verifierLog);
    super(openFile(path, options));
    this.#buffers = { verifierLog, options };
    this.#next = next;
  }

  /** Sets a global variable (`const volatile` or not) by name, in the form its BTF codec takes. */
  setGlobal(name: string, value: unknown): this {
    const variable = this.#findGlobal(name);
    const section = this.mapEntry(variable.section);
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
    const result = libbpf().bpf_map__set_max_entries(this.mapEntry(map).handle, maxEntries);
    check(result, 'bpf_map__set_max_entries', `map ${map}`);
    return this;
  }

  /** Loads only these programs; the others are not shown to the verifier. */
  selectPrograms(names: readonly string[]): this {
    for (const name of names) this.programHandle(name);
    for (const [name, handle] of this.handles.programs) {
      check(libbpf().bpf_program__set_autoload(handle, names.includes(name)), 'bpf_program__set_autoload', name);
    }
    return this;
  }

  mapDefinition(map: string): MapDefinition {
    const { handle } = this.mapEntry(map);
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
    check(libbpf().bpf_map__reuse_fd(this.mapEntry(map).handle, existing.fd), 'bpf_map__reuse_fd', `map ${map}`);
    return this;
  }

  /**
   * Creates the maps and loads the programs. The spec is used up, also by a failure.
   * @throws BpfError with the verifier's and libbpf's log.
   */
  load(): BpfObject {
    this.needOpen();
    withLibbpfLog((log) => {
      const result = libbpf().bpf_object__load(this.handles.object);
      if (result >= 0) return;
      const buffer = this.#buffers.verifierLog;
      const end = buffer.indexOf(0);
      const verifierLog = buffer.toString('utf8', 0, end < 0 ? undefined : end);
      const { path } = this.handles;
      this.close();
      throw new BpfError({ call: 'bpf_object__load', errno: result, subject: path, verifierLog, libbpfLog: log() });
    });
    this.#state = 'loaded';
    return this.#next(this.handles, this);
  }

  /** Frees everything; nothing after load() (the BpfObject owns it then). */
  close(): void {
    if (this.#state === 'open') libbpf().bpf_object__close(this.handles.object);
    if (this.#state === 'open') this.#state = 'closed';
  }

  protected needOpen(): void {
    if (this.#state === 'open') return;
    throw new BpfError({
      call: 'BpfObjectSpec',
      subject: this.handles.path,
      advice: `it is already ${this.#state}; open the file again`,
    });
  }

  #findGlobal(name: string): { section: string; offset: number; codec: Codec<unknown> } {
    this.needOpen();
    const { btf } = this.handles;
    for (const type of btf?.types ?? []) {
      if (type.kind !== 'datasec' || !btf) continue;
      for (const variable of type.variables) {
        if (btf.type(variable.type).name === name && this.handles.maps.has(type.name)) {
          return { section: type.name, offset: variable.offset, codec: btfCodec(btf, variable.type) };
        }
      }
    }
    throw new BpfError({
      call: 'setGlobal',
      errno: 2,
      subject: `${name} in ${this.handles.path}`,
      advice: 'there is no such global variable (static ones that the compiler folded away do not count)',
    });
  }
}

/** @throws BpfError */
function openFile(path: string, options: Buffer): Handles {
  const object = withLibbpfLog((log) => {
    const address = libbpf().bpf_object__open_file(path, options);
    if (address === 0) {
      throw new BpfError({ call: 'bpf_object__open_file', errno: lastErrno(), subject: path, libbpfLog: log() });
    }
    return address;
  });
  try {
    return readHandles(path, object);
  } catch (error) {
    libbpf().bpf_object__close(object);
    throw error;
  }
}

/** struct bpf_object_open_opts of libbpf 1.1; log level 0: the log is only asked for after a failure. */
function openOptions(verifierLog: Buffer): Buffer {
  const options = Buffer.alloc(OPEN_OPTIONS_BYTES);
  options.writeBigUInt64LE(BigInt(OPEN_OPTIONS_BYTES), 0); // sz
  options.writeBigUInt64LE(addressOf(verifierLog), 56); // kernel_log_buf
  options.writeBigUInt64LE(BigInt(verifierLog.length), 64); // kernel_log_size
  return options;
}
