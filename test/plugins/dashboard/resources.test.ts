// together: quick
/** What pages of the dashboard read from the API, on a clock of the test. */
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { ApiError } from '../../../plugins/dashboard/web/api.ts'
import { createResources } from '../../../plugins/dashboard/web/resources.ts'

const ticks = async () => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

/** The resources of a page, and a document of the API that says how often it was loaded. */
function page(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const resources = createResources()
  const api = { loads: 0, fails: null as ApiError | null }
  const load = async () => {
    api.loads += 1
    if (api.fails) throw api.fails
    return api.loads
  }
  const open = (path = '/apps') => {
    const resource = resources.at(path, ['app'], load)
    return { resource, close: resources.follow(path, resource) }
  }
  return { resources, api, load, open }
}

t.test('readers of a path share one resource, which a change of its kind loads again', async (t) => {
  const { resources, api, open } = page(t)
  const [one, other] = [open(), open()]
  t.equal(one.resource, other.resource)
  await ticks()
  t.match(one.resource.state.value, { data: 1, loading: false })
  resources.reload(['user'])
  t.equal(api.loads, 1, 'another kind')
  resources.reload(['app'])
  t.match(one.resource.state.value, { data: 1, loading: true }, 'the old document stays meanwhile')
  await ticks()
  resources.reload(null)
  await ticks()
  t.match(one.resource.state.value, { data: 3, loading: false })
  one.close()
  other.close()
})

t.test(
  'a resource that a page opens again after a while follows changes for as long as it is read',
  async (t) => {
    const { resources, api, open } = page(t)
    open().close()
    mock.timers.tick(4_000)
    const early = open()
    early.close()
    mock.timers.tick(1_000)
    const late = open()
    t.equal(late.resource, early.resource, 'it is kept for five seconds after its last reader')
    late.close()
    mock.timers.tick(5_000)
    const newer = open()
    t.not(newer.resource, late.resource)
    newer.close()
    const again = open()
    t.equal(again.resource, newer.resource)
    mock.timers.tick(60_000)
    t.equal(open().resource, again.resource, 'no earlier timer removes it')
    await ticks()
    const before = api.loads
    resources.reload(['app'])
    t.equal(api.loads, before + 1)
  },
)

t.test('the timer of an older resource leaves the newer one at its path alone', async (t) => {
  const { resources, api, load, open } = page(t)
  open().close()
  mock.timers.tick(2_000)
  // A second reader leaves a second timer.
  open().close()
  mock.timers.tick(3_000)
  const newer = open()
  mock.timers.tick(2_000)
  t.equal(resources.at('/apps', ['app'], load), newer.resource)
  await ticks()
  const before = api.loads
  resources.reload(['app'])
  await ticks()
  t.equal(newer.resource.state.value.data, before + 1)
})

t.test('a reader that was rendered before its resource was removed follows changes too', async (t) => {
  const { resources, load, open } = page(t)
  open().close()
  const rendered = resources.at('/apps', ['app'], load)
  mock.timers.tick(5_000)
  const other = open()
  t.not(other.resource, rendered)
  resources.follow('/apps', rendered)
  await ticks()
  const before = rendered.state.value.data
  resources.reload(['app'])
  await ticks()
  t.not(rendered.state.value.data, before)
})

t.test('bursts of changes load a resource every 400 ms, with the last change', async (t) => {
  const { resources, api, open } = page(t)
  open()
  for (let change = 0; change < 10; change++) resources.reload(['app'])
  await ticks()
  t.equal(api.loads, 1)
  mock.timers.tick(399)
  t.equal(api.loads, 1)
  mock.timers.tick(1)
  t.equal(api.loads, 2)
})

t.test(
  'a failed request is repeated after two seconds while the resource is read, and a refusal is not',
  async (t) => {
    const { api, open } = page(t)
    api.fails = new ApiError(503, { code: 'view_stale' })
    const { resource, close } = open()
    await ticks()
    t.match(resource.state.value, { error: { code: 'view_stale' }, loading: false })
    api.fails = new ApiError(403, { code: 'access_denied' })
    mock.timers.tick(2_000)
    await ticks()
    t.equal(api.loads, 2)
    mock.timers.tick(60_000)
    t.equal(api.loads, 2)
    api.fails = new ApiError(0, { code: 'offline' })
    const next = open('/users')
    await ticks()
    next.close()
    close()
    mock.timers.tick(60_000)
    t.equal(api.loads, 3, 'nobody reads it any more')
  },
)
