/** Whether there is nft, by PATH alone. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nftMissing } from '../../src/nft.js';

const { PATH } = process.env;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-nft-${process.pid}-`));
  process.env['PATH'] = `/nowhere:${directory}`;
});
afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(directory, { recursive: true });
});

test('a program that is installed while this one runs is found, one that cannot be run is not', () => {
  expect(nftMissing()).toBe('the program nft is missing: install nftables (apt install nftables)');
  const path = join(directory, 'nft');
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o644);
  expect(nftMissing()).not.toBeNull();
  chmodSync(path, 0o755);
  expect(nftMissing()).toBeNull();
});
