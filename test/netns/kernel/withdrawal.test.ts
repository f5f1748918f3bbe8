/** What a withdrawal that the kernel refused is told as. */
import { beforeAll, expect, test, vi } from 'vitest';
import { defaultKernel } from '../../../src/config/defaults.js';
import { FibReconciler } from '../../../src/kernel/fib/reconciler.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { enterOwnNetns } from '../../helpers/own-netns.js';

beforeAll(() => enterOwnNetns());

test('everything that could not be withdrawn is named, and everything is closed anyway', async () => {
  const problems = ['delete route 192.0.2.0/24: EPERM', 'delete rule 6800: EPERM'];
  const withdraw = vi.spyOn(FibReconciler.prototype, 'withdraw').mockResolvedValue({ writes: 0, problems });
  const fib = await createKernelFib(defaultKernel);
  await expect(fib.close({ keep: false })).rejects.toMatchObject({
    code: 'NETLINK_REFUSED',
    message: 'the kernel refused the withdrawal: delete route 192.0.2.0/24: EPERM; delete rule 6800: EPERM',
  });
  withdraw.mockRestore();
  await expect(fib.applyFib({ paths: [], groups: [], routes: [] })).rejects.toThrow();
});
