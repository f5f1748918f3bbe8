/**
 * Arms this machine for leases and disarms it: rules, forwarding switches, routes. It compares what the leases need with
 * what is in force, so that a renewal is one small transaction of nft.
 *
 * Every way out ends as it was found: a release and an error by `undo`, SIGKILL by the guardian, the death of both by
 * `restore` of the next run, and a stopped agent by the time-outs in the kernel's sets.
 */
import { messageOf } from '../../../errors.js';
import { IpAddress } from '../../../net/ip-address.js';
import { Prefix } from '../../../net/prefix.js';
import type { Usage } from '../../wire/types.js';
import { imaginedLease } from '../imagined-lease.js';
import type { ArmedLease } from '../types.js';
import { hindrancesOf, readWalls } from './firewalls.js';
import { journalFiles } from './journal.js';
import { allOf, MachineState, type Changes } from './machine-state.js';
import { Meter } from './meter.js';
import { passagesOf, type LeasePassages, type Passage } from './passages.js';
import { restore } from './restore.js';
import { planRoutes, readRoutingFacts } from './routes.js';
import { renewalScript, structureScript, type Slot } from './ruleset.js';
import { planForwarding } from './sysctls.js';
import type { Arming, ArmingOptions, ArmingPlan, BackhaulInterfaces } from './types.js';
import { WallWatch } from './wall-watch.js';

/** Some thirty rounds. */
const REHEARSAL_MS = 20;

/** What is shown as a plan has this much left, whatever is granted later. */
const PLAN_NOW_US = 0;

export function openArming(options: ArmingOptions): Arming {
  const machine = new Armer(options);
  return {
    apply: (leases, nowUs) => machine.inTurn(() => machine.apply(leases, nowUs)),
    usage: () => machine.inTurn(() => machine.usage()),
    plan: (leases) => machine.plan(leases),
    obstacles: (leases) => machine.obstacles(leases),
    restore: () => machine.inTurn(() => machine.restore()),
    close: () => machine.inTurn(() => machine.close()),
  };
}

interface Derived {
  structure: string;
  changes: Changes;
  /** Equal: nothing but the leases' time is to be changed. */
  signature: string;
}

class Armer {
  readonly #options: ArmingOptions;
  readonly #log: (text: string) => void;
  readonly #state: MachineState;
  readonly #meter = new Meter();
  readonly #walls: WallWatch;
  #slots: Slot[] = [];
  #nextId = 1;
  #signature = '';
  #told = '';
  /** What may be in the way, as it was told last. */
  #possible: readonly string[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ArmingOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => undefined);
    this.#state = new MachineState(journalFiles(options.stateDirectory), this.#log);
    this.#walls = new WallWatch({ log: this.#log });
  }

  async restore(): Promise<string[]> {
    const words = await restore(journalFiles(this.#options.stateDirectory));
    // From now on somebody may ask for this machine at any moment.
    this.#state.prepare();
    this.#walls.watchSoon();
    this.#rehearse();
    return words;
  }

  /** Derives what a router would need that nobody has met: that code has been run, then, before somebody waits for it. */
  #rehearse(): void {
    const endMs = performance.now() + REHEARSAL_MS;
    const lease = rehearsalLease(this.#options.backhaul());
    try {
      while (lease && performance.now() < endMs) this.plan([lease]);
    } catch {
      // The way out has just gone; whoever elects this machine nevertheless hears of it.
    }
  }

  async close(): Promise<void> {
    this.#walls.close();
    await this.apply([], 0);
    this.#state.close();
  }

  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async apply(leases: readonly ArmedLease[], nowUs: number): Promise<void> {
    const running = leases.filter((lease) => lease.endsUs > nowUs);
    if (running.length === 0) return this.#disarm();
    try {
      await this.#arm(running, nowUs);
    } catch (error) {
      const cause = messageOf(error);
      try {
        await this.#disarm();
      } catch (undoing) {
        throw new Error(`${cause}; and then undoing it: ${messageOf(undoing)}`, { cause: error });
      }
      throw error;
    }
  }

  async usage(): Promise<Map<string, Usage>> {
    if (this.#state.changed) await this.#meter.read().catch((error: unknown) => this.#log(messageOf(error)));
    return this.#meter.usage();
  }

  plan(leases: readonly ArmedLease[]): ArmingPlan {
    if (leases.length === 0) return { nft: '', sysctls: [], routes: [], omitted: [] };
    const served = passagesOf(leases, this.#options.backhaul());
    const slots = served.leases.map((lease, index) => ({ ...lease, id: index + 1 }));
    const { structure, changes } = this.#derive(slots, []);
    return {
      nft: structure + renewalScript(slots, PLAN_NOW_US),
      sysctls: changes.sysctls.filter(({ from, to }) => from !== to),
      routes: [...changes.routes],
      omitted: served.omitted,
    };
  }

  async obstacles(leases: readonly ArmedLease[]): Promise<string[]> {
    if (leases.length === 0) return [];
    const passages = passagesIn(passagesOf(leases, this.#options.backhaul()).leases);
    const { certain, possible } = hindrancesOf(await readWalls(), passages);
    return [...certain, ...possible];
  }

  async #arm(leases: readonly ArmedLease[], nowUs: number): Promise<void> {
    const served = passagesOf(leases, this.#options.backhaul());
    const slots = served.leases.map((lease) => ({ ...lease, id: this.#idOf(lease) }));
    const gone = this.#slots.map(({ id }) => id).filter((id) => !slots.some((slot) => slot.id === id));
    const derived = this.#derive(slots, gone);
    if (derived.signature === this.#signature) {
      await this.#askFirewalls(passagesIn(slots));
      if (await this.#renewed(slots, nowUs)) {
        this.#slots = slots;
        return;
      }
    }
    if (gone.length > 0) await this.#meter.read().catch(() => undefined);
    this.#meter.begin(slots);
    const script = derived.structure + renewalScript(slots, nowUs);
    await allOf([this.#state.change(derived.changes, script), this.#askFirewalls(passagesIn(slots))]);
    this.#slots = slots;
    this.#signature = derived.signature;
    this.#tell(served.omitted);
    this.#walls.watchSoon();
  }

  /** @returns false: the table is not as we left it ("nft flush ruleset" of somebody else) */
  async #renewed(slots: readonly Slot[], nowUs: number): Promise<boolean> {
    try {
      await this.#state.writeTable(renewalScript(slots, nowUs));
      return true;
    } catch (error) {
      this.#log(`the rules of the lease were gone, and are written again (${messageOf(error)})`);
      return false;
    }
  }

  async #askFirewalls(passages: readonly Passage[]): Promise<void> {
    let { certain, possible } = hindrancesOf(await this.#walls.walls(), passages);
    // Nobody is refused for what was so a while ago: the owner may have followed our advice meanwhile.
    if (certain.length > 0) ({ certain, possible } = hindrancesOf(await this.#walls.look(), passages));
    if (certain.length > 0) throw new Error(certain.join('; '));
    for (const text of possible) if (!this.#possible.includes(text)) this.#log(text);
    this.#possible = possible;
  }

  #derive(slots: readonly Slot[], gone: readonly number[]): Derived {
    const passages = passagesIn(slots);
    const { sysctls, opened } = planForwarding(passages, this.#state.sysctls, this.#options.forceForwarding);
    const structure = structureScript(slots, gone, opened, this.#options.routedPrefixes());
    const changes = { sysctls, routes: planRoutes(passages, readRoutingFacts()) };
    return { structure, changes, signature: structure + JSON.stringify(changes) };
  }

  /** A lease keeps its counters as long as it keeps its number. */
  #idOf({ lease }: LeasePassages): number {
    const known = this.#slots.find(
      (slot) => slot.lease.pairing === lease.pairing && slot.lease.number === lease.number,
    );
    return known?.id ?? this.#nextId++;
  }

  async #disarm(): Promise<void> {
    this.#signature = '';
    await this.#state.undo(() => (this.#slots.length === 0 ? Promise.resolve() : this.#meter.read()));
    this.#slots = [];
  }

  #tell(omitted: readonly string[]): void {
    const text = omitted.join('; ');
    if (text !== this.#told && text !== '') this.#log(`not served: ${text}`);
    this.#told = text;
  }
}

/** On the way out itself: of that interface alone it is known that it is there. null: there is no way out. */
function rehearsalLease(backhaul: BackhaulInterfaces): ArmedLease | null {
  const families = ([4, 6] as const).filter((family) => backhaul[family] !== undefined);
  const ifname = families[0] && backhaul[families[0]];
  if (ifname === undefined) return null;
  const address = IpAddress.parse('fe80::1');
  const clients = [Prefix.parse('192.0.2.1/32'), Prefix.parse('2001:db8::1/128')];
  return imaginedLease({ ifindex: 0, ifname, address, families, clients }, PLAN_NOW_US);
}

const passagesIn = (leases: readonly LeasePassages[]): Passage[] => leases.flatMap(({ passages }) => passages);
