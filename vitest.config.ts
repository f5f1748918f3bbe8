import { defineConfig } from 'vitest/config';

/**
 * Three rings: `unit` needs nothing; `bpf` loads programs (root); `netns` builds namespaces (root).
 * The privileged rings run one file at a time: they share bpffs, the namespaces' names and two cores.
 */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/api/**/*.test.ts'] } },
      {
        test: {
          name: 'bpf',
          include: ['test/bpf/**/*.test.ts'],
          fileParallelism: false,
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'netns',
          include: ['test/netns/**/*.test.ts', 'test/cli/**/*.test.ts'],
          fileParallelism: false,
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
