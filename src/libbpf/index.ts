/** libbpf-ts: libbpf for TypeScript. See README.md beside this file. */
export { Btf, type BtfEnumerator, type BtfMember, type BtfType, type BtfVariableSection } from './btf.js';
export { btfCodec, bytesCodec, u32Codec, u64Codec, type Codec } from './codec.js';
export { elfSection } from './elf.js';
export { BpfError, errnoName } from './errors.js';
export { loadedProgramInfo, queryXdp, type LinkInfo, type MapInfo, type ProgramInfo, type XdpState } from './info.js';
export { BpfLink, XdpLink } from './link.js';
export { BpfMap, MapType, possibleCpus, type MapCodecs } from './map.js';
export { mapDifference, type MapDefinition } from './map-definition.js';
export { BpfObject } from './object.js';
export { BpfObjectSpec } from './object-spec.js';
export { isBpffs } from './pin.js';
export { BpfProgram, type AttachXdpOptions } from './program.js';
