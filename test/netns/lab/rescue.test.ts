/** The demo's second act with fewer packets: the line is cut, the phone carries, the line comes back, the phone is as before. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FarServer } from '../../../src/lab/downloads.js';
import { rescue } from '../../../src/lab/rescue.js';
import { RescueRig } from '../../../src/lab/rescue-rig.js';
import { LabStream } from '../../../src/lab/stream.js';
import type { StoryResult } from '../../../src/lab/story-parts.js';
import { builtCli } from '../../helpers/cli.js';
import { SLOWNESS } from '../../helpers/poll.js';

const PACKETS_PER_SECOND = 1000;

describe('the home router and the phone', () => {
  let rig: RescueRig;
  let far: FarServer;
  let result: StoryResult;
  const said: string[] = [];

  beforeAll(async () => {
    builtCli();
    rig = new RescueRig({ tag: `rs${process.pid}` });
    far = await FarServer.start(rig.lab.names);
    rig.writeConfig();
    rig.writeNodeConfig();
    rig.pair();
    const controller = await rig.startController();
    rig.startAgent();
    const stream = new LabStream({
      names: rig.lab.names,
      family: 4,
      packetsPerSecond: PACKETS_PER_SECOND,
      maxSeconds: 300,
    });
    try {
      const say = (text: string): void => void said.push(text);
      const eventTimeoutMs = 60_000 * SLOWNESS;
      // It compares the phone with how it was found, and throws where anything is left.
      result = await rescue({ rig, controller, stream, family: 4, say, visible: true, eventTimeoutMs });
    } finally {
      stream.stop();
    }
  });

  afterAll(async () => {
    far?.stop();
    await rig?.destroy();
  });

  it('has traffic on the phone while the line is cut, and on the line afterwards', () => {
    expect(result.cases.map(({ name, path_after }) => [name, path_after])).toEqual([
      ['gateway-cold', 'phone'],
      ['gateway-return', 'line'],
      ['gateway-warm', 'phone'],
      ['gateway-warm-return', 'line'],
    ]);
  });

  it('loses nothing on the way back', () => {
    const returns = result.cases.filter(({ name }) => name.endsWith('return'));
    expect(returns.map(({ lost }) => lost)).toEqual([0, 0]);
  });

  it('lets new connections through, from another address as the far server sees it', () => {
    const seen = said.flatMap((line) => /the far server sees (\S+)/.exec(line)?.[1] ?? []);
    expect(seen).toEqual(['10.65.0.1', '10.66.0.1', '10.65.0.1']);
    expect(said.filter((line) => line.includes('3 packets transmitted, 3 received'))).toHaveLength(3);
  });

  it('is told as a sequence of messages', () => {
    const chart = said.filter((line) => line.startsWith('|')).map((line) => /[A-Z]{3,}/.exec(line)?.[0]);
    expect(chart.slice(0, 2)).toEqual(['ELECT', 'ACCEPT']);
    expect(chart).toContain('RELEASED');
  });
});
