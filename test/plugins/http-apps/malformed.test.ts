// together: quick
import t from 'tap'
import { malformedBodies } from './malformed-bodies.ts'
import { malformedHeads } from './malformed-heads.ts'
import { openPublicPort } from './open-public-port.ts'
import type { RequestCase, Verdict } from './request-case.ts'
import { fillCase, pathsOf, talk } from './talk.ts'

const AT_ONCE = 16

for (const lane of ['lane', 'no lane'] as const)
  t.test(
    `F81 to F86, F92, E73: every request gets its verdict, on both kinds of hosts, ${lane}`,
    async (t) => {
      const hub = await openPublicPort({}, undefined, lane)
      t.teardown(hub.close)
      const name = ({ name, rule }: RequestCase, side: string) => `${side}: ${name} (${rule})`

      async function run(one: RequestCase, at: number, side: 'app' | 'hub') {
        const { host, path, bytes, marker, from } = fillCase(one, at, side)
        // On a lane each request comes in a chunk of its own.
        const [first, then] = lane === 'lane' ? [bytes, marker] : [bytes + marker]
        const { late, statuses } = await talk(hub.port, host, from, first, then)
        const verdict: Verdict = one[side]
        const wanted = verdict.after === 'kept' ? [...verdict.statuses, 200] : verdict.statuses
        t.strictSame(statuses, wanted, name(one, side))
        t.notOk(late, `${name(one, side)} ends by itself`)
        const seen = pathsOf(side === 'app' ? hub.app.requests : hub.served)
        const markers = seen.filter((line) => line === `GET ${path}-marker`).length
        t.equal(markers, verdict.after === 'kept' ? 1 : 0, `${name(one, side)}: what follows`)
      }

      const sides = lane === 'lane' ? (['app'] as const) : (['app', 'hub'] as const)
      const queue = [...malformedHeads, ...malformedBodies].flatMap((one, at) =>
        sides.map((side) => () => run(one, at, side)),
      )
      const workers = Array.from({ length: AT_ONCE }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next()
      })
      await Promise.all(workers)

      const { app, gateway } = hub
      t.notOk(
        pathsOf(app.requests).some((line) => line.includes('hidden')),
        'nothing is smuggled',
      )
      const whole = gateway.requests().filter(({ reason }) => reason === null)
      t.equal(app.requests.length, whole.length, 'the application has seen what was audited')
      t.strictSame(gateway.errors, [])
      if (lane === 'lane') t.ok(gateway.onLane.length > 2, `${gateway.onLane.length} requests on lanes`)
    },
  )
