/**
 * Who holds the XDP hook of a device that we find occupied. A Detour that was killed and is started again with another
 * pin path finds its own old program there, forwarding by tables that nobody keeps up to date any more: that is detached.
 * The instance lock makes sure that no other controller of this network namespace is alive.
 */
import { BpfError, BpfLink, loadedProgramInfo, queryXdp } from '../libbpf/index.js';

/** bpf/detour.bpf.c: detour_xdp, detour_xdp_frags. */
const OWN_NAME = /^detour_xdp/;

/** Detaches a program of an earlier run from the device. @returns whether the hook is free now, as far as we know */
export function evictOwn(ifindex: number): boolean {
  const { id } = attachedProgram(ifindex);
  // Without CAP_SYS_ADMIN the kernel shows neither programs nor links of others: see holderOf().
  if (id === 0 || !OWN_NAME.test(nameOf(id) ?? '')) return false;
  const link = orNull(() => BpfLink.findXdp(ifindex, id));
  if (!link) return false;
  try {
    link.detach();
    return true;
  } finally {
    link.close();
  }
}

/** One sentence with a remedy; null: no program of others is there. */
export function holderOf(ifindex: number, device: string): string | null {
  const { id, keyword } = attachedProgram(ifindex);
  if (id === 0) return null;
  const name = nameOf(id);
  const remedy =
    name === null || OWN_NAME.test(name)
      ? `if a Detour with another dataplane.pin_path left it there, "detour unload --pin-path" with that path takes it away; else `
      : '';
  return (
    `${device}: the XDP program ${name === null ? '' : `"${name}" `}(id ${id}) of somebody else is attached, ` +
    `what it does with packets is not known: ${remedy}"ip link set dev ${device} ${keyword} off", or stop who attached it`
  );
}

/** Id 0: none. The keyword is ip(8)'s for the mode that it is attached in. */
function attachedProgram(ifindex: number): { id: number; keyword: 'xdp' | 'xdpgeneric' } {
  const state = orNull(() => queryXdp(ifindex));
  if (!state) return { id: 0, keyword: 'xdp' };
  return state.native ? { id: state.native, keyword: 'xdp' } : { id: state.generic, keyword: 'xdpgeneric' };
}

const nameOf = (programId: number): string | null => orNull(() => loadedProgramInfo(programId))?.name ?? null;

function orNull<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return null;
  }
}
