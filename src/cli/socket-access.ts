/** What somebody whom the controller's socket refuses can do about it. */
import { readFileSync, statSync } from 'node:fs';

/** For a path that connect(2) refused with EACCES; never throws. */
export function socketRemedy(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path);
    const group = nameOf('/etc/group', gid);
    const owner = nameOf('/etc/passwd', uid);
    const member = gid === 0 ? '' : `, or as a member of group ${group}`;
    return `it is for ${owner}:${group} (mode 0${(mode & 0o777).toString(8)}): use sudo${member}`;
  } catch {
    // Not even its directory may be looked into.
    return 'its directory is not for this user: use sudo, or the group that the controller runs with';
  }
}

/** The name in the first field where the third is the id, as in passwd(5) and group(5); else the id itself. */
function nameOf(file: string, id: number): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(id));
  return line?.split(':')[0] || String(id);
}
