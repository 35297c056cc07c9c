import { type Migrations, migrations } from '../api/database.ts'
import { type CertifiedHttp, certifiedHttp } from '../api/protocol.ts'
import { sessionLimits } from '../api/session-limits.ts'
import { homeLinks, signInMethods } from '../api/sign-in.ts'
import { webRoutes } from '../api/web-routes.ts'
import { pluginRows, refuseUndeclared } from '../base/loader/plugin-rows.ts'
import { catalogMigrations } from '../gate/catalog/migrations.ts'
import { createJoinAcceptor } from '../gate/enrolment/join-acceptor.ts'
import { keysMigrations } from '../gate/pki/migrations.ts'
import { sessionsMigrations } from '../gate/sessions/migrations.ts'
import { accessMigrations } from '../gate/users/migrations.ts'
import type { Ref } from '../kernel/reference.ts'
import { duringSetup } from '../kernel/setup-turn.ts'
import { hubsMigrations } from '../state/hubs/migrations.ts'
import { createJobs } from '../state/jobs/jobs.ts'
import { jobsMigrations } from '../state/jobs/migrations.ts'
import { createCarrierGate } from '../traffic/tunnel/carrier-gate.ts'
import { tunnelMigrations } from '../traffic/tunnel/migrations.ts'
import { createTunnel } from '../traffic/tunnel/tunnel.ts'
import { challengeThrough } from '../web/desk/refusals.ts'
import { createSignIn } from '../web/desk/sign-in.ts'
import { createSignInRate } from '../web/desk/sign-in-rate.ts'
import { createPages } from '../web/pages/pages.ts'
import { hubServices } from './config/hub-services.ts'
import { createHubState } from './hub-state.ts'
import { room } from './room.ts'

const PRUNING_MS = 10 * 60_000

/** Migrations of the rooms, in order; those of plugins run after them. */
export const roomMigrations: readonly Migrations[] = [
  keysMigrations,
  catalogMigrations,
  accessMigrations,
  sessionsMigrations,
  tunnelMigrations,
  hubsMigrations,
  jobsMigrations,
]

/** Every service by reference, and the migrations: what plugins get from the program. */
const handed = (services: Readonly<Record<string, unknown>>): readonly (readonly [Ref, unknown])[] => [
  ...Object.entries(hubServices).map(([name, ref]) => [ref, services[name]] as const),
  ...roomMigrations.map((each) => [migrations, each] as const),
]

/** The rooms that connections reach, and the plugins between what is stored and these. */
export const pluggedRooms = {
  joins: room({
    needs: ['enrolment', 'authorities', 'revisions', 'audit', 'locks'],
    after: { trail: 'what it refuses is recorded' },
    make: createJoinAcceptor,
    stop: (joins) => joins.close(),
  }),
  carriers: room({ needs: ['authorities', 'joinTokens'], make: createCarrierGate }),
  tunnel: room({
    needs: [
      ...(['audit', 'authorities', 'catalog', 'createRelay', 'enrolment', 'joinTokens'] as const),
      ...(['locks', 'registry', 'revisions', 'sessions'] as const),
    ],
    after: { trail: 'the links that it cuts are recorded' },
    make: (rooms) => createTunnel(rooms),
    provides: { tunnel: (tunnel) => tunnel },
    stop: (tunnel) => tunnel.close(),
  }),
  administration: room({
    needs: ['authorities', 'catalog', 'joinTokens', 'tunnel', 'users'],
    make: ({ authorities, catalog, joinTokens, tunnel, users }) => ({
      apps: { ...catalog, probe: tunnel.probe },
      users,
      joinTokens,
      authorities: { phaseOf: authorities.phaseOf, rotate: authorities.rotate, waiting: tunnel.waiting },
    }),
    provides: { administration: (administration) => administration },
  }),
  jobs: room({
    needs: ['sessions'],
    after: { trail: 'their last runs are recorded' },
    make({ db, instanceId, counts: { metrics }, sessions, log }) {
      const jobs = createJobs({ db, instanceId, metrics, log })
      const pruning = { name: 'sessions-pruning', everyMs: PRUNING_MS, run: sessions.purge }
      duringSetup('sessions', () => jobs.service.add(pruning))
      return jobs
    },
    provides: { jobs: (jobs) => jobs.service },
    start: (jobs) => jobs.start(),
    stop: (jobs) => jobs.stop(),
  }),
  hubState: room({
    needs: [
      ...(['audit', 'authorities', 'certificates', 'jobs', 'locks'] as const),
      ...(['registry', 'requirements', 'revisions', 'sessions', 'tunnel'] as const),
    ],
    later: ['listener'],
    make: createHubState,
    provides: { hubState: (hubState) => hubState },
  }),
  pages: room({
    make: ({ kernel, publicNames, config }) =>
      createPages({
        publicNames,
        brand: config.brand,
        navigation: () => kernel.slot(homeLinks),
        reasonOf: kernel.reasonOf,
        routes: () => kernel.slot(webRoutes),
      }),
    provides: { pages: (pages) => pages },
  }),
  signIn: room({
    needs: [
      ...(['users', 'sessions', 'access', 'locks', 'requirements', 'catalog'] as const),
      ...(['audit', 'revisions', 'explain', 'pages'] as const),
    ],
    make: (rooms) =>
      createSignIn({
        ...rooms,
        rate: createSignInRate(rooms.clock),
        sessionLimits: () => rooms.kernel.service(sessionLimits),
        challenge: challengeThrough(rooms.kernel.calls.access.challenge, rooms.publicNames.signInOrigin),
        methods: () => rooms.kernel.slot(signInMethods),
      }),
    provides: { signInDesk: (signIn) => signIn.desk },
  }),
  plugged: room({
    later: ['browsers', 'listener', 'tunnel', 'web'],
    after: {
      activity: 'a plugin may use all that is stored',
      authorities: 'a plugin may sign',
    },
    make(rooms) {
      const { group, kernel, provided } = rooms
      if (group) {
        let telling = false
        // A hub that connects reports thousands of agents at once.
        kernel.tap('the other processes').tunnel.changed(() => {
          if (telling) return
          telling = true
          setImmediate(() => {
            telling = false
            group.linked(rooms.tunnel.links().length)
          })
        })
      }
      kernel.tap('the relay').lifecycle.drain(async (signal) => rooms.tunnel.relay?.drain(signal))
      kernel.tap('the public port').lifecycle.drain((signal) => rooms.listener.drain(signal))
      kernel.tap('browsers').lifecycle.drain((signal) => rooms.browsers.drain(signal))
      kernel.tap('the routes of the hub').lifecycle.drain((signal) => rooms.web.drain(signal))
      const certified: CertifiedHttp = { accept: (stream, info) => rooms.browsers.accept(stream, info) }
      kernel.setup([...handed(provided()), [certifiedHttp, certified]])
      refuseUndeclared(pluginRows(kernel.describe(), rooms.plugins))
    },
    start: (_, { kernel }) => kernel.start(),
    stop: (_, { kernel }) => kernel.stop(),
  }),
  trail: room({
    needs: ['audit'],
    after: { plugged: 'sinks are plugins: they get the last events before they stop' },
    make: ({ audit }) => audit,
    stop: (audit) => audit.close(),
  }),
}
