/** What can happen next in a world. Free moves happen in a quiet world; each other one costs a fault. */
import type { MeasuredPath } from '../../../src/gateway/router/types.js';
import {
  conditionEvent,
  Draft,
  needEvent,
  numberText,
  packetText,
  type Machines,
  type NodeSide,
  type Packet,
  type RouterSide,
  type World,
} from './world.js';

export interface Move {
  what:
    | 'deliver'
    | 'lose'
    | 'hold'
    | 'repeat'
    | 'applied'
    | 'apply-fails'
    | 'apply-held'
    | 'left'
    | 'probe'
    | 'need'
    | 'hinder'
    | 'kill'
    | 'reboot'
    | 'start'
    | 'start-blank'
    | 'time';
  /** Index of the packet, router or node. */
  at: number;
  side?: 'router' | 'node';
  /** Name of the other one. */
  peer?: string;
  cost: 0 | 1;
}

export interface MoveSettings {
  /** Faults that may happen; all if absent. */
  faults?: readonly Move['what'][];
  /** Need changes in a quiet moment, for nothing; or at any moment, which counts as a fault. */
  needChanges?: 'quiet' | 'fault' | 'never';
}

export function movesOf(world: World, machines: Machines, settings: MoveSettings = {}): Move[] {
  const { needChanges = 'quiet', faults } = settings;
  const free = freeMoves(world);
  const quiet = !free.some(isUrgent);
  const moves = [...free];
  if (quiet) moves.push({ what: 'time', at: 0, cost: 0 });
  if (needChanges === 'fault' || (needChanges === 'quiet' && quiet)) {
    for (const { index } of world.routers)
      moves.push({ what: 'need', at: index, cost: needChanges === 'fault' ? 1 : 0 });
  }
  const wanted = (move: Move): boolean => faults === undefined || faults.includes(move.what);
  return [...moves, ...faultMoves(world, machines).filter(wanted)];
}

/** Happens before time goes on, unless a fault holds it up. */
const isUrgent = ({ what }: Move): boolean => what !== 'start' && what !== 'hinder';

/** What the world does by itself; the first is what a world without faults does next. */
export function freeMoves(world: World): Move[] {
  const moves: Move[] = [];
  world.packets.forEach((packet, at) => {
    if (isNext(world, packet, at)) moves.push({ what: 'deliver', at, cost: 0 });
  });
  for (const { index, applying, alive } of world.nodes) {
    if (alive && applying && !applying.held) moves.push({ what: 'applied', at: index, cost: 0 });
  }
  for (const router of world.routers.filter(({ alive }) => alive)) {
    for (const { pairing, leaving } of router.elected) {
      if (leaving) moves.push({ what: 'left', at: router.index, peer: pairing, cost: 0 });
      const { lease } = router.state.nodes.get(pairing)!;
      if (lease && router.probed[String(lease.number)] !== truthOf(world, router, pairing)) {
        moves.push({ what: 'probe', at: router.index, peer: pairing, cost: 0 });
      }
    }
  }
  for (const { index, alive } of world.routers)
    if (!alive) moves.push({ what: 'start', at: index, side: 'router', cost: 0 });
  for (const { index, alive, hindered } of world.nodes) {
    if (!alive) moves.push({ what: 'start', at: index, side: 'node', cost: 0 });
    if (alive && hindered) moves.push({ what: 'hinder', at: index, cost: 0 });
  }
  return moves;
}

function faultMoves(world: World, machines: Machines): Move[] {
  const moves: Move[] = [];
  world.packets.forEach((packet, at) => {
    if (packet.held) {
      if (isDeliverable(world, machines, packet)) moves.push({ what: 'deliver', at, cost: 0 });
      return;
    }
    if (!isNext(world, packet, at)) moves.push({ what: 'deliver', at, cost: 1 });
    for (const what of ['lose', 'hold', 'repeat'] as const) moves.push({ what, at, cost: 1 });
  });
  for (const { index, applying, alive, hindered } of world.nodes) {
    if (!alive) continue;
    if (applying) moves.push({ what: 'apply-fails', at: index, cost: 1 });
    if (applying?.held) moves.push({ what: 'applied', at: index, cost: 0 });
    else if (applying) moves.push({ what: 'apply-held', at: index, cost: 1 });
    if (!hindered) moves.push({ what: 'hinder', at: index, cost: 1 });
    moves.push(
      { what: 'kill', at: index, side: 'node', cost: 1 },
      { what: 'reboot', at: index, side: 'node', cost: 1 },
    );
  }
  for (const { index, alive } of world.routers) {
    if (alive) moves.push({ what: 'kill', at: index, side: 'router', cost: 1 });
    else moves.push({ what: 'start-blank', at: index, side: 'router', cost: 1 });
  }
  return moves;
}

/** The oldest on its way from its sender to its receiver. */
const isNext = (world: World, packet: Packet, at: number): boolean =>
  !packet.held &&
  world.packets.findIndex((other) => !other.held && other.from === packet.from && other.to === packet.to) === at;

function isDeliverable(world: World, machines: Machines, { from, to, order }: Packet): boolean {
  const receiver = [...world.routers, ...world.nodes].find(({ name }) => name === to)!;
  return receiver.alive && machines.isFresh(receiver.seen[from], order);
}

/** What a probe through this node would find. */
function truthOf({ nodes, nowUs }: World, router: RouterSide, pairing: string): 'good' | 'bad' {
  const rules = nodes.find(({ name }) => name === pairing)?.rules ?? [];
  return rules.some((rule) => rule.pairing === router.name && rule.endsUs > nowUs) ? 'good' : 'bad';
}

/** @returns the world after the move, and what happened, for people */
export function perform(world: World, move: Move, machines: Machines): { world: World; told: string[] } {
  const draft = new Draft(move.cost === 0 ? world : { ...world, faults: world.faults + 1 }, machines);
  act(draft, move);
  dropUseless(draft, machines);
  return { world: draft.world, told: draft.told };
}

function act(draft: Draft, { what, at, side, peer }: Move): void {
  const { world } = draft;
  const packet = world.packets[at];
  const others = world.packets.filter((_, index) => index !== at);
  switch (what) {
    case 'deliver':
      draft.tell(`> ${packetText(packet!)} arrives`);
      draft.set({ packets: others });
      return draft.deliver(packet!);
    case 'lose':
      draft.tell(`! lost: ${packetText(packet!)}`);
      return draft.set({ packets: others });
    case 'hold':
      draft.tell(`! delayed: ${packetText(packet!)}`);
      return draft.set({ packets: [...others, { ...packet!, held: true }] });
    case 'repeat':
      draft.tell(`! doubled: ${packetText(packet!)}`);
      return draft.set({ packets: [...world.packets, { ...packet!, held: true }] });
    case 'applied':
    case 'apply-fails':
      return finishApply(draft, world.nodes[at]!, what === 'applied' ? null : 'no nf_tables');
    case 'apply-held':
      draft.tell(`! ${world.nodes[at]!.name} is slow to write its rules`);
      return void draft.setNode(at, { applying: { ...world.nodes[at]!.applying!, held: true } });
    case 'left':
      draft.tell(`> traffic of ${world.routers[at]!.name} has left ${peer}`);
      return draft.router(at, { type: 'left', pairing: peer! });
    case 'probe':
      return probe(draft, world.routers[at]!, peer!);
    case 'need': {
      const need = !world.routers[at]!.need;
      draft.tell(`> ${world.routers[at]!.name} ${need ? 'needs a gateway' : 'needs none'}`);
      draft.setRouter(at, { need });
      return draft.world.routers[at]!.alive ? draft.router(at, needEvent(need)) : undefined;
    }
    case 'hinder': {
      const hindered = !world.nodes[at]!.hindered;
      draft.tell(`${hindered ? '!' : '>'} the battery of ${world.nodes[at]!.name} is ${hindered ? 'low' : 'full'}`);
      draft.setNode(at, { hindered });
      return draft.node(at, conditionEvent(at, hindered));
    }
    case 'kill':
    case 'reboot':
      if (side === 'router') {
        draft.tell(`! ${draft.setRouter(at, { alive: false }).name} dies`);
      } else {
        const rules = what === 'reboot' ? { rules: [] } : {};
        draft.tell(
          `! ${draft.setNode(at, { alive: false, ...rules }).name} dies, its rules ${what === 'reboot' ? 'too' : 'stay'}`,
        );
      }
      return;
    case 'start':
    case 'start-blank':
      draft.tell(
        `> ${side === 'router' ? world.routers[at]!.name : world.nodes[at]!.name} starts${what === 'start' ? '' : ', without its files'}`,
      );
      return side === 'router' ? draft.startRouter(at, what === 'start') : draft.startNode(at);
    case 'time':
      return draft.advance();
  }
}

function finishApply(draft: Draft, { index, name, applying }: NodeSide, problem: string | null): void {
  const { version, leases } = applying!;
  const { nowUs, everInForce } = draft.world;
  const rules = problem === null ? leases.filter(({ endsUs }) => endsUs > nowUs) : [];
  draft.tell(
    problem === null ? `> ${name} has written its rules ${version}` : `! ${name} cannot write its rules ${version}`,
  );
  draft.setNode(index, { applying: null, rules });
  if (rules.length > 0) draft.set({ everInForce: new Set([...everInForce, ...rules.map(({ number }) => number)]) });
  draft.node(index, { type: 'applied', version, problem });
}

function probe(draft: Draft, router: RouterSide, pairing: string): void {
  const truth = truthOf(draft.world, router, pairing);
  const number = router.state.nodes.get(pairing)!.lease!.number;
  draft.tell(`> probes of ${router.name} through ${pairing} (${numberText(number)}): ${truth}`);
  draft.setRouter(router.index, { probed: { ...router.probed, [String(number)]: truth } });
  const path: MeasuredPath = { family: 4, state: truth, lossPercent: 0, rttUs: 1000, detail: '' };
  draft.router(router.index, { type: 'measured', pairing, paths: [path] });
}

/** Messages that nobody would take any more; copies stay, as a receiver that starts anew would take them. */
function dropUseless(draft: Draft, machines: Machines): void {
  const { packets } = draft.world;
  const left = packets.filter((packet) => packet.held || isDeliverable(draft.world, machines, packet));
  if (left.length < packets.length) draft.set({ packets: left });
}
