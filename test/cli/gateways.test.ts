/** Pairing from both ends of the command line: the router's `gateways`, the node's `gateway`. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { builtCli, runInProcess, type CliResult } from '../helpers/cli.js';
import { fakeGateway } from '../helpers/fake-gateways.js';
import { useController, type TestController } from '../helpers/controller.js';
import { useStateDirectory } from '../helpers/state-directory.js';

const startController = useController();
const makeDirectory = useStateDirectory();
let controller: TestController;
let router: string;
let node: string;
beforeEach(async () => {
  for (const name of ['DETOUR_SOCKET', 'DETOUR_URL', 'DETOUR_TOKEN']) vi.stubEnv(name, '');
  controller = await startController();
  router = makeDirectory();
  node = makeDirectory();
});
afterEach(() => vi.unstubAllEnvs());

const gateways = (...args: string[]): Promise<CliResult> =>
  runInProcess(['gateways', ...args, '--socket', controller.socket]);
const onRouter = (...args: string[]): Promise<CliResult> => gateways(...args, '--state-directory', router);
const onNode = (...args: string[]): Promise<CliResult> =>
  runInProcess(['gateway', ...args, '--state-directory', node], { width: 200 });
const LINE = /^detour-gw1:[A-Za-z0-9_-]+\n$/;

interface StoredKey {
  id: string;
  key: string;
}
const storedKeys = (directory: string, file: string): StoredKey[] =>
  (JSON.parse(readFileSync(join(directory, file), 'utf8')) as { keys: StoredKey[] }).keys;

/** Runs the built CLI with this on its standard input. */
function withInput(args: readonly string[], input: string): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [builtCli(), ...args], { timeout: 60_000 });
    const result: CliResult = { code: -1, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => void (result.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (result.stderr += chunk.toString()));
    child.on('close', (code) => resolve({ ...result, code: code ?? -1 }));
    child.stdin.end(input);
  });
}

/** Runs the built CLI on a terminal: types `input` once `prompt` is there. Gives what the terminal showed. */
function onTerminal(args: readonly string[], prompt: string, input: string): Promise<CliResult> {
  const script = `
import os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.execv(sys.argv[1], sys.argv[1:2] + sys.argv[4:])
shown, typed = b'', False
while True:
    ready, _, _ = select.select([fd], [], [], 50)
    try:
        chunk = os.read(fd, 65536) if ready else b''
    except OSError:
        chunk = b''
    if not chunk: break
    shown += chunk
    if not typed and sys.argv[2].encode() in shown:
        typed = True
        os.write(fd, sys.argv[3].encode())
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
`;
  return new Promise((resolve) => {
    const command = ['-c', script, process.execPath, prompt, input, builtCli(), ...args];
    const child = spawn('python3', command, { timeout: 60_000 });
    const result: CliResult = { code: -1, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => void (result.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (result.stderr += chunk.toString()));
    child.on('close', (code) => resolve({ ...result, code: code ?? -1 }));
  });
}

describe('pairing', () => {
  test('prints the line alone on standard output, and the node that joins with it has the same key', async () => {
    const paired = await onRouter('pair', 'phone', '--router-name', 'home', '--no-qr');
    expect(paired.code).toBe(0);
    expect(paired.stdout).toMatch(LINE);
    expect(paired.stderr).toContain('On the node "phone" run "sudo detour gateway join"');
    expect(controller.service.pairingReloads).toBe(1);
    expect(statSync(join(router, 'nodes/phone.json')).mode & 0o777).toBe(0o600);

    const joined = await withInput(['gateway', 'join', '--state-directory', node], paired.stdout);
    const id = readFileSync(join(router, 'id'), 'utf8').trim();
    expect(joined).toMatchObject({
      code: 0,
      stdout: `paired with router "home" (${id}), which calls this machine "phone"\n`,
    });
    const [mine] = storedKeys(router, 'nodes/phone.json');
    expect(storedKeys(node, 'routers/home.json')).toMatchObject([{ id: mine!.id, key: mine!.key }]);
    const routers = await onNode('routers', '--json');
    expect(JSON.parse(routers.stdout)).toMatchObject([{ name: 'home', id, keys: [{ id: mine!.id }] }]);
    for (const { stdout, stderr } of [joined, routers, await onNode('routers')]) {
      expect(stdout + stderr).not.toContain(mine!.key.slice(0, 12));
    }
  });

  test('a terminal is asked for the line and does not show it; the picture is drawn on terminals only', async () => {
    const paired = await onTerminal(
      ['gateways', 'pair', 'phone', '--socket', controller.socket, '--state-directory', router],
      'never printed',
      '',
    );
    expect(paired.stdout).toContain('▄▄▄▄▄');
    const line = /detour-gw1:\S+/.exec(paired.stdout)![0];
    const joined = await onTerminal(
      ['gateway', 'join', '--state-directory', node, '--name', 'home'],
      'not shown',
      `x\u007f${line}\r`,
    );
    expect(joined).toMatchObject({ code: 0, stdout: expect.stringContaining('paired with router "home"') });
    expect(joined.stdout).not.toContain(line.slice(0, 16));
  });

  test('a line in the arguments is taken, with a warning that others could see it', async () => {
    const line = (await onRouter('pair', 'phone', '--router-name', 'home')).stdout.trim();
    const joined = await onNode('join', line);
    expect(joined.code).toBe(0);
    expect(joined.stderr).toContain('stood in the list of processes');
    expect(await onNode('join', line)).toMatchObject({ code: 0, stdout: 'home is paired with this line already\n' });
  });

  test('needs no controller, and says what it will be when there is one', async () => {
    await controller.stop();
    const paired = await onRouter('pair', 'phone');
    expect(paired).toMatchObject({ code: 0, stdout: expect.stringMatching(LINE) });
    expect(paired.stderr).toContain('No controller is running; it will know it when it starts.');
  });

  test('is not for those who may not read the keys, who are told what to do', async () => {
    await onRouter('pair', 'phone');
    // Its directory's parents are passable; the state directory itself is what keeps others out.
    chmodSync(dirname(router), 0o755);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, builtCli()];
    for (const args of [
      ['gateways', 'pair', 'tablet'],
      ['gateways', 'rotate', 'phone'],
      ['gateway', 'routers'],
    ]) {
      const all = [...nobody, ...args, '--state-directory', router];
      const { status, stdout, stderr } = spawnSync('setpriv', all, { encoding: 'utf8', timeout: 60_000 });
      expect({ status, stdout }).toEqual({ status: 77, stdout: '' });
      expect(stderr).toMatch(/^detour: .* is not permitted: keys belong to root: use sudo\n$/);
    }
  });

  test('says when the controller looks elsewhere, or uses no gateways at all', async () => {
    expect((await onRouter('pair', 'other')).stderr).toContain('its state directory is another one');
    controller.service.gatewaysStatus.gateways.push(fakeGateway({ name: 'known' }));
    expect((await onRouter('pair', 'known')).stderr).toContain('The running controller knows it.');
    controller.service.gatewaysStatus.enabled = false;
    expect((await onRouter('pair', 'third')).stderr).toContain('has no "gateways" section');
  });

  test('of a name that is taken, or none, or with a line that is none, is refused and changes nothing', async () => {
    const line = (await onRouter('pair', 'phone', '--router-name', 'home')).stdout.trim();
    const before = readFileSync(join(router, 'nodes/phone.json'), 'utf8');
    for (const [result, code, message] of [
      [await onRouter('pair', 'phone'), 1, '"phone" is paired already: "detour gateways rotate phone" gives it'],
      [await onRouter('pair', 'My Phone'), 64, '"My Phone" is no name for a pairing: 1 to 24 lower-case letters'],
      [await onRouter('pair', 'tablet', '--router-name', 'Home!'), 64, '"Home!" is no name for a pairing'],
      [await onRouter('rotate', 'tablet'), 1, 'nothing is paired under the name "tablet"; paired: phone'],
      [await onRouter('pair', 'x', '--config', '/etc/x'), 64, '--config and --state-directory exclude each other'],
      [await onNode('join', line.slice(0, -3)), 64, 'no pairing line of "detour gateways pair": a character of it is'],
      [await onNode('leave', 'home'), 1, 'nothing is paired under the name "home"; paired: none'],
      [
        await runInProcess(['gateway', 'join', line, '--state-directory', router]),
        64,
        'this line was made on this machine: join on the node',
      ],
    ] as const) {
      expect(result).toMatchObject({ code, stdout: '' });
      expect(result.stderr).toContain(message);
    }
    expect(readFileSync(join(router, 'nodes/phone.json'), 'utf8')).toBe(before);
    expect((await onNode('routers')).stdout).toBe('paired with no router: detour gateway join\n');
  });

  test('keeps keys where the configuration of the controller, or of the agent, says', async () => {
    const files = { router: `${router}.yaml`, none: `${router}-none.yaml`, node: `${node}.yaml` };
    const uplinks =
      'uplinks: {fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.1]}]}}\ninterfaces: [eth0]\n';
    writeFileSync(files.none, uplinks);
    writeFileSync(files.router, `${uplinks}gateways: {interfaces: [eth0], state_directory: ${router}}\n`);
    writeFileSync(files.node, `state_directory: ${node}\n`);
    const paired = await gateways('pair', 'phone', '--router-name', 'home', '--config', files.router);
    expect(storedKeys(router, 'nodes/phone.json')).toHaveLength(1);
    const joined = await runInProcess(['gateway', 'join', paired.stdout.trim(), '--config', files.node]);
    expect(joined).toMatchObject({ code: 0, stdout: expect.stringContaining('paired with router "home"') });
    expect(storedKeys(node, 'routers/home.json')).toHaveLength(1);
    expect(await gateways('pair', 'tablet', '--config', files.none)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the configuration has no "gateways" section'),
    });
    writeFileSync(files.none, `${uplinks}gateways: {interfaces: [eth7]}\n`);
    expect(await gateways('pair', 'tablet', '--config', files.none)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/gateways\.interfaces\[0\]: eth7 .*\ndetour: 1 error\(s\) in/),
    });
    expect(await gateways('pair', 'tablet', '--config', `${router}-absent.yaml`)).toMatchObject({ code: 2 });
  });

  test('a second router of the same name needs another one', async () => {
    const other = makeDirectory();
    const first = (await onRouter('pair', 'phone', '--router-name', 'home')).stdout.trim();
    const second = (await gateways('pair', 'phone', '--router-name', 'home', '--state-directory', other)).stdout.trim();
    await onNode('join', first);
    expect((await onNode('join', second)).stderr).toContain(
      '"home" is paired already: by another router; give this one',
    );
    expect((await onNode('join', second, '--name', 'office')).code).toBe(0);
    expect((await onNode('join', second, '--name', 'third')).stderr).toContain('detour gateway leave office');
    expect((await onNode('routers')).stdout.match(/^(home|office) /gm)).toHaveLength(2);
  });

  test('of a file that others can read is told, and not used', async () => {
    await onRouter('pair', 'phone');
    chmodSync(join(router, 'nodes/phone.json'), 0o644);
    const result = await onRouter('rotate', 'phone');
    expect(result).toMatchObject({ code: 73, stdout: '' });
    expect(result.stderr).toMatch(/phone\.json: others may read or write it \(mode 644\): chmod 600/);
    const line = (await gateways('pair', 'tablet', '--router-name', 'home', '--state-directory', router)).stdout.trim();
    await onNode('join', line);
    chmodSync(join(node, 'routers/home.json'), 0o640);
    expect((await onNode('routers')).stderr).toMatch(
      /! .*home\.json: others may read or write it \(mode 640\): chmod 600/,
    );
  });
});

describe('rotation', () => {
  test('adds a key on both sides; the old one stays until the new one has been used', async () => {
    await onNode('join', (await onRouter('pair', 'phone', '--router-name', 'home')).stdout.trim());
    const rotated = await onRouter('rotate', 'phone', '--router-name', 'elsewhere');
    expect(rotated.stdout).toMatch(LINE);
    expect(rotated.stderr).toContain('The old key holds until the node has used this one.');
    expect((await onNode('join', rotated.stdout.trim())).stdout).toContain('home has another key now');
    const ids = (keys: StoredKey[]): string[] => keys.map(({ id }) => id);
    expect(ids(storedKeys(node, 'routers/home.json'))).toEqual(ids(storedKeys(router, 'nodes/phone.json')));
    expect(storedKeys(router, 'nodes/phone.json')).toHaveLength(2);
    expect((await onNode('routers')).stdout).toMatch(/[0-9a-f]{16} -> [0-9a-f]{16}/);
  });
});

describe('the end of a pairing', () => {
  test('goes through the controller that has it, so that the lease is released', async () => {
    const revoked = await onRouter('revoke', 'phone', '--yes');
    expect(revoked).toMatchObject({ code: 0, stdout: 'phone is revoked, its lease is released\n' });
    expect(controller.service.commands).toEqual(['revoke phone by api (unix socket)']);
  });

  test('is the end of its file where no controller has it', async () => {
    await onRouter('pair', 'other');
    expect(await onRouter('revoke', 'other', '--yes')).toMatchObject({ code: 0, stdout: 'other is revoked\n' });
    expect(await onRouter('revoke', 'other', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing is paired under the name "other"; paired: none'),
    });
    await controller.stop();
    await onRouter('pair', 'last');
    writeFileSync(join(router, 'nodes/last.json'), 'damaged');
    expect(await onRouter('revoke', 'last', '--yes')).toMatchObject({ code: 0, stdout: 'last is revoked\n' });
  });

  test('of a name that is unknown is told as that, before anybody is asked', async () => {
    await onRouter('pair', 'other');
    const unknown = { code: 1, stderr: expect.stringContaining('nothing is paired under the name "cable"') };
    const args = ['gateways', 'revoke', 'cable', '--socket', controller.socket, '--state-directory', router];
    expect(await withInput(args, '')).toMatchObject(unknown);
    const known = ['gateways', 'revoke', 'phone', ...args.slice(3)];
    expect(await withInput(known, '')).toMatchObject({ code: 64, stderr: expect.stringContaining('give --yes') });
    await controller.stop();
    expect(await withInput(args, '')).toMatchObject(unknown);
  });

  test('is asked for on a terminal, and not done without an answer', async () => {
    await onRouter('pair', 'other');
    const args = ['gateways', 'revoke', 'other', '--socket', controller.socket, '--state-directory', router];
    expect(await withInput(args, 'y\n')).toMatchObject({ code: 64, stderr: expect.stringContaining('give --yes') });
    for (const no of ['n\r', '\r', '\u0003', '\u0004']) {
      expect(await onTerminal(args, '[y/N]', no)).toMatchObject({ code: 1 });
    }
    expect(statSync(join(router, 'nodes/other.json')).isFile()).toBe(true);
    expect(await onTerminal(args, '[y/N]', 'y\r')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('other is revoked'),
    });
  });

  test('with a controller elsewhere removes nothing here', async () => {
    await onRouter('pair', 'other');
    const url = ['--url', controller.url, '--token', 'wrong', '--state-directory', router];
    expect((await runInProcess(['gateways', 'revoke', 'other', '--yes', ...url])).code).toBe(77);
    expect(statSync(join(router, 'nodes/other.json')).isFile()).toBe(true);
  });

  test('can come from the node', async () => {
    await onNode('join', (await onRouter('pair', 'phone', '--router-name', 'home')).stdout.trim());
    expect(await onNode('leave', 'home')).toMatchObject({
      code: 0,
      stdout: 'home cannot elect this machine any more\n',
    });
    expect((await onNode('routers')).stdout).toContain('paired with no router');
  });
});

test('a dry run by who may not see the rules of the machine says what is needed, and ends with 77', () => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, builtCli()];
  const args = [...nobody, 'gateway', 'run', '--interface', 'lo', '--dry-run'];
  const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8', timeout: 60_000 });
  expect({ status, stdout }).toEqual({ status: 77, stdout: '' });
  expect(stderr).toMatch(/^detour: .* is not permitted: CAP_NET_ADMIN is missing: run it as root or with sudo\n$/);
});

test('the list, one node and decisions by hand', async () => {
  expect((await gateways()).stdout).toMatch(/^! a gateway node is needed for IPv4 and IPv6/);
  expect((await gateways('list')).stdout).toMatch(/^phone +elected +192\.0\.2\.50/m);
  expect(JSON.parse((await gateways('--json')).stdout)).toMatchObject({ gateways: [{ name: 'phone' }, {}, {}] });
  expect((await gateways('show', 'phone')).stdout).toMatch(/^phone: elected for 3 m 12 s/);
  expect(JSON.parse((await gateways('show', 'phone', '--json')).stdout)).toMatchObject({ name: 'phone' });
  for (const [command, outcome] of [
    ['approve', 'tablet is approved; now: absent,'],
    ['elect', 'tablet is elected by hand, until "auto"; now: absent'],
    ['release', 'tablet is kept released, until "auto"; now: absent'],
    ['auto', 'tablet is elected when it is needed; now: absent'],
  ] as const) {
    expect((await gateways(command, 'tablet')).stdout).toContain(outcome);
  }
  expect(await gateways('elect', 'cable')).toMatchObject({
    code: 1,
    stderr: 'detour: no gateway named "cable"; paired: phone, laptop, tablet\n',
  });
  controller.service.gatewaysStatus.enabled = false;
  expect((await gateways('elect', 'phone')).stderr).toContain('the configuration has no "gateways" section');
});

test('approval needs no controller, the other decisions do', async () => {
  await onRouter('pair', 'phone');
  await controller.stop();
  expect(await onRouter('approve', 'phone')).toMatchObject({
    code: 0,
    stdout: 'phone is approved; no controller is running\n',
  });
  expect(JSON.parse(readFileSync(join(router, 'nodes/phone.json'), 'utf8'))).toMatchObject({ approved: true });
  expect(await onRouter('approve', 'cable')).toMatchObject({ code: 1, stdout: '' });
  expect(await gateways('elect', 'phone')).toMatchObject({ code: 69, stdout: '' });
});
