/**
 * Turns the BTF of the data plane's object into TypeScript. What is generated, and in which order, is what
 * `struct detour_abi` of bpf/abi_types.h lists.
 *
 * Names: `struct next_hop` becomes the interface NextHop and `nextHopCodec`; fields become camelCase. An enum loses
 * "detour_" and becomes an object in PascalCase; its enumerators lose the enum's own words where all of them begin with
 * these: REASON_TTL is Reason.TTL, INTERFACE_REDIRECT_OK is InterfaceFlag.REDIRECT_OK, MAX_PORTS is Limit.MAX_PORTS.
 */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { Btf, type BtfMember, type BtfType } from '../src/libbpf/btf.js';

export const ABI_OBJECT = fileURLToPath(new URL('../build/bpf/detour.bpf.o', import.meta.url));
export const ABI_OUTPUT = fileURLToPath(new URL('../src/abi/generated.ts', import.meta.url));

type Struct = BtfType & { kind: 'struct' };
type Enum = BtfType & { kind: 'enum' };

const HEADER = `/**
 * Generated from bpf/abi.h by \`make abi\`: do not edit. Every codec has the size of its structure, the offsets of its
 * fields, and decode/encode on a DataView. Host order is little-endian, as everything that was built for this machine.
 * Fields named pad are written as zero and not shown.
 */
/* eslint-disable */

function fits(value: number, maximum: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw new RangeError(\`\${field}: \${value} is not an integer from 0 to \${maximum}\`);
}

function fits64(value: bigint, field: string): bigint {
  if (BigInt.asUintN(64, value) === value) return value;
  throw new RangeError(\`\${field}: \${value} is not an unsigned 64-bit integer\`);
}

function hasLength<T extends { readonly length: number }>(value: T, length: number, field: string): T {
  if (value.length === length) return value;
  throw new RangeError(\`\${field}: \${value.length} elements instead of \${length}\`);
}

function bytes(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}
`;

/** The whole text of src/abi/generated.ts. @throws Error when the object has a type that this cannot express. */
export async function generateAbi(objectPath: string): Promise<string> {
  const btf = Btf.fromElfFile(objectPath);
  const root = btf.find('struct', 'detour_abi');
  if (!root) throw new Error(`${objectPath}: no struct detour_abi; is bpf/abi_types.h included?`);
  const listed = root.members.flatMap((member) => {
    const array = btf.resolve(member.type);
    return array.kind === 'array' ? [btf.resolve(array.element)] : [];
  });
  const parts = listed.map((type) => {
    if (type.kind === 'enum') return enumText(type);
    if (type.kind === 'struct') return structText(btf, type);
    throw new Error(`struct detour_abi: ${type.kind} ${type.name} is neither struct nor enum`);
  });
  const options = (await resolveConfig(ABI_OUTPUT)) ?? {};
  return format([HEADER, ...parts].join('\n'), { ...options, parser: 'typescript' });
}

function enumText(type: Enum): string {
  const name = pascalCase(type.name.replace(/^detour_/, ''));
  const prefix = enumeratorPrefix(type);
  const rows = type.values.map(({ name: enumerator, value }) => `  ${enumerator.slice(prefix.length)}: ${value},`);
  return `/** enum ${type.name} */\nexport const ${name} = {\n${rows.join('\n')}\n} as const;\n`;
}

/** "PROBE_SESSION_" of enum probe_session_flag; "" where not all enumerators share it. */
function enumeratorPrefix(type: Enum): string {
  const words = type.name
    .replace(/^detour_/, '')
    .toUpperCase()
    .split('_');
  for (let count = words.length; count > 0; count--) {
    const prefix = `${words.slice(0, count).join('_')}_`;
    if (type.values.every(({ name }) => name.startsWith(prefix))) return prefix;
  }
  return '';
}

interface Field {
  name: string;
  offset: number;
  type: string;
  decode: string;
  encode: string;
}

function structText(btf: Btf, type: Struct): string {
  const fields = type.members.filter(({ name }) => name !== 'pad').map((member) => field(btf, type, member));
  const padded = fields.length < type.members.length;
  const name = pascalCase(type.name);
  const lines = (render: (each: Field) => string): string => fields.map(render).join('\n');
  return `/** struct ${type.name} */
export interface ${name} {
${lines((each) => `  ${each.name}: ${each.type};`)}
}

export const ${camelCase(type.name)}Codec = {
  size: ${type.size},
  offsets: { ${fields.map((each) => `${each.name}: ${each.offset}`).join(', ')} },
  decode(view: DataView, offset: number): ${name} {
    return {
${lines((each) => `      ${each.name}: ${each.decode},`)}
    };
  },
  encode(view: DataView, offset: number, value: ${name}): void {
${padded ? `    bytes(view, offset, ${type.size}).fill(0);` : ''}
${lines((each) => `    ${each.encode}`)}
  },
} as const;
`;
}

function field(btf: Btf, parent: Struct, member: BtfMember): Field {
  const where = `struct ${parent.name}, field ${member.name}`;
  if (member.bitSize !== 0 || member.bitOffset % 8 !== 0) throw new Error(`${where}: bit fields are not supported`);
  const name = camelCase(member.name);
  const offset = member.bitOffset / 8;
  const label = `'${parent.name}.${member.name}'`;
  const at = (step = '') => `offset + ${offset}${step}`;
  const type = btf.resolve(member.type);

  if (type.kind !== 'array') {
    const scalar = value(btf, type.id, where);
    const decode = scalar.decode(at());
    return { name, offset, type: scalar.type, decode, encode: `${scalar.encode(at(), `value.${name}`, label)};` };
  }
  const element = btf.resolve(type.element);
  if (element.kind === 'int' && element.size === 1) {
    return {
      name,
      offset,
      type: 'Uint8Array',
      decode: `bytes(view, ${at()}, ${type.length}).slice()`,
      encode: `bytes(view, ${at()}, ${type.length}).set(hasLength(value.${name}, ${type.length}, ${label}));`,
    };
  }
  const inner = value(btf, type.element, where);
  const step = ` + index * ${btf.sizeOf(type.element)}`;
  return {
    name,
    offset,
    type: `${inner.type}[]`,
    decode: `Array.from({ length: ${type.length} }, (_, index) => ${inner.decode(at(step))})`,
    encode: `hasLength(value.${name}, ${type.length}, ${label}).forEach((each, index) => ${inner.encode(at(step), 'each', label)});`,
  };
}

interface Value {
  type: string;
  decode(at: string): string;
  encode(at: string, from: string, label: string): string;
}

/** One integer or nested structure. */
function value(btf: Btf, typeId: number, where: string): Value {
  const type = btf.resolve(typeId);
  if (type.kind === 'struct') {
    const codec = `${camelCase(type.name)}Codec`;
    return {
      type: pascalCase(type.name),
      decode: (at) => `${codec}.decode(view, ${at})`,
      encode: (at, from) => `${codec}.encode(view, ${at}, ${from})`,
    };
  }
  if (type.kind !== 'int' || type.signed)
    throw new Error(`${where}: only unsigned integers, structs and arrays of them`);
  if (type.size === 8) {
    return {
      type: 'bigint',
      decode: (at) => `view.getBigUint64(${at}, true)`,
      encode: (at, from, label) => `view.setBigUint64(${at}, fits64(${from}, ${label}), true)`,
    };
  }
  const bits = type.size * 8;
  const order = type.size === 1 ? '' : ', true';
  const maximum = `0x${(2 ** bits - 1).toString(16)}`;
  return {
    type: 'number',
    decode: (at) => `view.getUint${bits}(${at}${order})`,
    encode: (at, from, label) => `view.setUint${bits}(${at}, fits(${from}, ${maximum}, ${label})${order})`,
  };
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}
