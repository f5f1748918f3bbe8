/** Writes src/abi/generated.ts from the BTF of build/bpf/detour.bpf.o (make abi). */
import { writeFileSync } from 'node:fs';
import './typescript-loader.mjs';

const { ABI_OBJECT, ABI_OUTPUT, generateAbi } = await import('./abi-generator.ts');
writeFileSync(ABI_OUTPUT, await generateAbi(ABI_OBJECT));
console.log(`  ABI     ${ABI_OUTPUT}`);
