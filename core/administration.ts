/**
 * For plugins that administer a hub or show its state, in addition to `@mezite/core`: what changes apps, users and
 * authorities, what needs attention, why the gate decides, and pages of lists. Unstable until 1.0: names and signatures may
 * change in any release.
 *
 * @beta
 */
export { type Administration, administration } from './api/administration.ts'
export type { AppsProposed, ProposedApp } from './api/app-sources.ts'
export { type Attention, attention, findings } from './api/attention.ts'
export type { Collection } from './api/collection.ts'
export { type AccountGroup, type Explanations, explanations } from './api/explanations.ts'
export type { Grants } from './api/grants.ts'
export { type HubState, hubState } from './api/hub-state.ts'
export { PageQuery, pageOf, sortedQuery } from './api/paging.ts'
export { recordedRequests } from './api/recorded-requests.ts'
export { readAccessRequest } from './gate/access/access-request.ts'
// Leads the compiler to the names of all types that are mentioned here, for the declarations of plugins.
export type {} from './types.ts'
