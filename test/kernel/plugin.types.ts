/** Checked by tsc alone: what must not compile is marked, and tsc fails when it does compile. */

import { catalog, defineAgentPlugin, defineHubPlugin, serviceRef, slotRef, Type } from '@mezite/core'
import { assertion } from '@mezite/core/identity'

const service = serviceRef<number>('types-service')
const slot = slotRef<string>('types-slot')

defineHubPlugin({
  name: 'types',
  api: 1,
  summary: '',
  config: Type.Object({ from: Type.Integer() }, { additionalProperties: false }),
  needs: { catalog, list: slot },
  wants: { assertion },
  provides: { service, slot },
  setup({ config, use, provide, tap, ...rest }) {
    const from: number = config.from
    // @ts-expect-error a field that the schema does not have
    config.to
    // @ts-expect-error a field of another type
    const text: string = config.from

    use.catalog.byHost('x')
    const list: readonly string[] = use.list
    use.assertion?.toString()
    // @ts-expect-error what is only wanted may be missing
    use.assertion.toString()
    // @ts-expect-error what was not named is not there
    use.sessions

    provide.service(1)
    provide.slot('x')
    // @ts-expect-error another type than the service has
    provide.service('1')
    // @ts-expect-error another type than the slot has
    provide.slot(1)
    // @ts-expect-error what was not declared cannot be provided
    provide.catalog

    tap.access.decide((query, vote) => vote.deny(query.app.name))
    tap.access.decide(async () => {}, { stage: 'early', pure: true })
    // @ts-expect-error no such hook
    tap.access.decides(() => {})
    // @ts-expect-error no such room
    tap.acces
    // @ts-expect-error the tap wants more than it is given
    tap.access.decide((_query, _vote, _more) => {})
    // @ts-expect-error an answer of another shape
    tap.access.challenge(() => ({ href: '/' }))
    // @ts-expect-error a waterfall answers synchronously
    tap.http.request(async (request) => request)
    // @ts-expect-error no such stage
    tap.lifecycle.start(() => {}, { stage: 'first' })
    // @ts-expect-error a plugin cannot call a hook: a call takes no function
    tap.lifecycle.start()
    // @ts-expect-error nor ask one
    tap.session.ended({ id: 'x' })
    // @ts-expect-error and gets no promise from it
    tap.lifecycle.ready(() => {}).then()

    // @ts-expect-error the host has nothing else
    rest.kernel
    void [from, text, list]
  },
})

// @ts-expect-error another api version
defineHubPlugin({ name: 'types', api: 2, summary: '', setup() {} })

defineAgentPlugin({
  name: 'types',
  api: 1,
  summary: '',
  setup({ tap }) {
    tap.dial.open((target) => (target.uri === '' ? null : undefined))
    // @ts-expect-error the agent has no such hook
    tap.access
  },
})
