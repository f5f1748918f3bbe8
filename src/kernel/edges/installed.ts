/** What is there of the table. */
import { listNft, NftError } from '../../nft.js';
import { EDGE_TABLE } from './ruleset.js';

/** Comments of all its rules; null: there is no such table. @throws NftError when nft itself cannot be run */
export async function installedMarks(): Promise<string[] | null> {
  try {
    const elements = await listNft(`list table ${EDGE_TABLE}`);
    return elements.flatMap(({ rule }) => (rule ? [(rule as { comment?: string }).comment ?? ''] : []));
  } catch (error) {
    // nft tells by words alone that there is none; every other refusal shows when the table is written.
    if (error instanceof NftError && error.exitCode !== null) return null;
    throw error;
  }
}
