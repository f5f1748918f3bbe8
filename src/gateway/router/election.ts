/** The order of election: docs/gateway-protocol.md, section 6.1. */
export { criteriaOf, type Criterion } from './election/compare.js';
export { exclusionOf, isElectable, type Exclusion } from './election/exclusion.js';
export { planElection, rank, type Plan } from './election/plan.js';
