// A vitest reporter for long runs: says which file is running and, at once, why a test has failed.
// The default reporter keeps the reasons for the end, and a run that is cut short has none.
import { relative } from 'node:path';
import process from 'node:process';

const file = (module) => relative(process.cwd(), module.moduleId);

export default class ToldAtOnce {
  onTestModuleStart(module) {
    console.log(` ... ${file(module)}`);
  }

  onTestCaseResult(test) {
    const { state, errors } = test.result();
    if (state !== 'failed') return;
    console.log(`FAILED ${file(test.module)} > ${test.fullName}`);
    for (const { message, diff = '', stacks = [] } of errors) {
      const [at] = stacks;
      console.log([message, diff, at ? `at ${relative(process.cwd(), at.file)}:${at.line}` : ''].join('\n'));
    }
  }
}
