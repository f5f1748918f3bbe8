/** What is in an open bpf_object: the names, handles and types that both of its stages, spec and object, look up. */
import { copyMemory, libbpf, type Address } from './bindings.js';
import { Btf } from './btf.js';
import { BpfError } from './errors.js';

export interface MapEntry {
  handle: Address;
  keyTypeId: number;
  valueTypeId: number;
}

export interface Handles {
  path: string;
  object: Address;
  btf: Btf | null;
  programs: Map<string, Address>;
  maps: Map<string, MapEntry>;
}

/** Base of both stages. */
export abstract class ObjectContents {
  protected readonly handles: Handles;

  protected constructor(handles: Handles) {
    this.handles = handles;
  }

  /** Type information of the object; null when it was compiled without -g. */
  get btf(): Btf | null {
    return this.handles.btf;
  }

  get programNames(): string[] {
    return [...this.handles.programs.keys()];
  }

  get mapNames(): string[] {
    return [...this.handles.maps.keys()];
  }

  /** @throws BpfError unless the object is in the stage that this stands for */
  protected abstract needOpen(): void;

  /** @throws BpfError */
  protected mapEntry(name: string): MapEntry {
    this.needOpen();
    return lookUp(this.handles.maps, name, 'map', this.handles.path);
  }

  /** @throws BpfError */
  protected programHandle(name: string): Address {
    this.needOpen();
    return lookUp(this.handles.programs, name, 'program', this.handles.path);
  }
}

/** Of an object that libbpf has opened. */
export function readHandles(path: string, object: Address): Handles {
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
