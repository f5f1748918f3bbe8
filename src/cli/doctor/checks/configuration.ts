/** The configuration itself: mistakes, interfaces that are not there, and what is probably not meant. */
import { checkInterfaces, formatProblem } from '../../../config/index.js';
import { configNotes } from '../../config-notes.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const reportFile = reporter('config', 'configuration', 'File');
const reportInterface = reporter('config-interfaces', 'configuration', 'Interfaces');
const reportNote = reporter('config-notes', 'configuration', 'Meant so?');

export function configuration({ loaded, configProblems, view }: DoctorInput): Finding[] {
  if (configProblems.length > 0) {
    return configProblems.map((problem) =>
      reportFile({ status: 'fail', detail: problem, remedy: 'correct it; "detour check" says the same' }),
    );
  }
  if (!loaded)
    return [reportFile({ status: 'skip', detail: 'none was given: detour doctor CONFIG looks at its interfaces' })];
  return [
    reportFile({ status: 'ok', detail: `${loaded.positions.file} is valid` }),
    ...(isUnknown(view)
      ? []
      : missingInterfaces(
          loaded,
          [...view.links.values()].map(({ name }) => name),
        )),
    ...configNotes(loaded.config).map((note) =>
      reportNote({ status: 'warn', detail: note, remedy: 'see docs/config.md, "Probes" and "The short form"' }),
    ),
  ];
}

function missingInterfaces(loaded: NonNullable<DoctorInput['loaded']>, present: string[]): Finding[] {
  const { problems, notes } = checkInterfaces(loaded.config, loaded.positions, present);
  if (problems.length + notes.length === 0) return [reportInterface({ status: 'ok', detail: 'all are there' })];
  return [
    ...problems.map((problem) =>
      reportInterface({
        status: 'fail',
        detail: formatProblem({ ...problem, write: null }),
        remedy: `create it, or write ${problem.write}`,
      }),
    ),
    ...notes.map((note) =>
      reportInterface({ status: 'warn', detail: note, remedy: 'nothing, if that is meant: it is optional' }),
    ),
  ];
}
