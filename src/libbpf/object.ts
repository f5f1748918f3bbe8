/**
 * From an object file to programs in the kernel: `BpfObject.open()` gives a `BpfObjectSpec`, in which globals, sizes
 * and the choice of programs can be set; `load()` makes of it a `BpfObject`.
 */
import { check, libbpf } from './bindings.js';
import type { Btf } from './btf.js';
import { btfCodec, plainCodec, type Codec } from './codec.js';
import { BpfError } from './errors.js';
import { mapInfo } from './info.js';
import { BpfMap, type MapCodecs } from './map.js';
import { ObjectContents, type Handles } from './object-contents.js';
import { BpfObjectSpec } from './object-spec.js';
import { BpfProgram } from './program.js';

/** An object whose programs and maps are in the kernel, for as long as this is open or something else holds them. */
export class BpfObject extends ObjectContents {
  /** Keeps the spec's buffers: libbpf has their addresses until the object is closed. */
  #spec: BpfObjectSpec | null;

  /** @internal Use BpfObject.open(path).load(). */
  constructor(handles: Handles, spec: BpfObjectSpec) {
    super(handles);
    this.#spec = spec;
  }

  /** Parses an object file (ELF, made by clang -target bpf -g). @throws BpfError */
  static open(path: string): BpfObjectSpec {
    return new BpfObjectSpec(path, (handles, spec) => new BpfObject(handles, spec));
  }

  /** @throws BpfError when there is no such program or it was not selected for loading. */
  program(name: string): BpfProgram {
    const handle = this.programHandle(name);
    const fd = check(libbpf().bpf_program__fd(handle), 'bpf_program__fd', `program ${name} (was it loaded?)`);
    return new BpfProgram(fd, name, libbpf().bpf_program__section_name(handle) ?? '', handle);
  }

  /**
   * A map by its C name; global variables are maps, too: ".bss", ".data", ".rodata".
   * @param codecs override what BTF says. @throws BpfError
   */
  map<K = unknown, V = unknown>(name: string, codecs: MapCodecs<K, V> = {}): BpfMap<K, V> {
    const entry = this.mapEntry(name);
    const fd = check(libbpf().bpf_map__fd(entry.handle), 'bpf_map__fd', `map ${name}`);
    const { btf } = this;
    const info = mapInfo(fd);
    const derived = {
      key: codecOf(btf, entry.keyTypeId, info.keySize),
      value: codecOf(btf, entry.valueTypeId, info.valueSize),
    } as MapCodecs<K, V>;
    return new BpfMap<K, V>(fd, name, info, { ...derived, ...codecs }, false);
  }

  /** Closes all descriptors: maps and programs go unless pinned, attached or held by others. Links are not touched. */
  close(): void {
    if (this.#spec) libbpf().bpf_object__close(this.handles.object);
    this.#spec = null;
  }

  protected needOpen(): void {
    if (!this.#spec) throw new BpfError({ call: 'BpfObject', subject: this.handles.path, advice: 'it is closed' });
  }
}

function codecOf(btf: Btf | null, typeId: number, size: number): Codec<unknown> {
  return btf && typeId !== 0 ? btfCodec(btf, typeId) : plainCodec(size);
}
