import { describe, expect, it } from 'vitest';
import { rowOfAny, runParts } from '../../src/bench/parts.js';
import type { Part } from '../../src/bench/parts.js';
import type { BenchContext, Row } from '../../src/bench/result.js';

const ms = { name: 'elect_ms', unit: 'ms' };

interface Played {
  context: BenchContext;
  saved: number[];
  undone: string[];
  interrupt: (reason: Error) => void;
}

function play(): Played {
  const controller = new AbortController();
  const saved: number[] = [];
  const undone: string[] = [];
  const context: BenchContext = {
    say: () => undefined,
    defer: () => undefined,
    save: (rows: readonly Row[]) => void saved.push(rows.length),
    signal: controller.signal,
  };
  return { context, saved, undone, interrupt: (reason) => controller.abort(reason) };
}

const good = (name: string, { undone }: Played): Part => ({
  name,
  measure: (context, keep) => {
    context.defer(() => void undone.push(name));
    keep(rowOfAny(name, ms, [1, 2, 3]));
    return Promise.resolve();
  },
});

/** Keeps what it has when it ends. */
const failing = (name: string, act: () => void): Part => ({
  name,
  measure: async (_, keep) => {
    try {
      await Promise.resolve();
      act();
    } finally {
      keep([...rowOfAny(`${name}, half of it`, ms, [1]), ...rowOfAny(`${name}, nothing of it`, ms, [])]);
    }
  },
});

const cases = (rows: readonly Row[]): string[] => rows.map((row) => row.case);

describe('a benchmark of several parts', () => {
  it('says nothing of failures when there are none, and saves after each part', async () => {
    const played = play();
    const { rows, failures } = await runParts(played.context, [good('first', played), good('second', played)]);
    expect(cases(rows)).toEqual(['first', 'second']);
    expect(failures).toEqual([]);
    expect(played.saved).toEqual([1, 2]);
    expect(played.undone).toEqual(['first', 'second']);
  });

  it('keeps what was measured before a failure, names it, and goes on with the next part', async () => {
    const played = play();
    const fails = failing('second', () => {
      throw new Error('the node did not come');
    });
    const parts = [good('first', played), fails, good('third', played)];
    const { rows, failures } = await runParts(played.context, parts);
    expect(cases(rows)).toEqual(['first', 'second, half of it', 'third']);
    expect(failures).toEqual(['second: the node did not come']);
  });

  it('ends with an interruption, and keeps what there is', async () => {
    const played = play();
    const interrupted = failing('second', () => {
      played.interrupt(new Error('interrupted by SIGINT'));
      throw new Error('AbortError');
    });
    const parts = [good('first', played), interrupted, good('third', played)];
    const { rows, failures } = await runParts(played.context, parts);
    expect(cases(rows)).toEqual(['first', 'second, half of it']);
    expect(failures).toEqual(['second: interrupted by SIGINT']);
    expect(played.undone).toEqual(['first']);
  });

  it('undoes a part before the next one begins', async () => {
    const played = play();
    const looks: Part = {
      name: 'looks',
      measure: () => {
        expect(played.undone).toEqual(['first']);
        return Promise.resolve();
      },
    };
    expect((await runParts(played.context, [good('first', played), looks])).failures).toEqual([]);
  });
});
