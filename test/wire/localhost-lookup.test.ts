// together: quick
import t from 'tap'
import { lookupLocalhost } from '../../core/wire/localhost-lookup.ts'

const look = (name: string, all: boolean) =>
  new Promise<unknown>((resolve) =>
    lookupLocalhost(name, { all }, (error, address) => resolve(error ? error.code : address)),
  )

t.test('names under .localhost resolve to loopback without a query', async (t) => {
  for (const name of ['app.localhost', 'a.b.LOCALHOST', 'app.localhost.']) {
    t.equal(await look(name, false), '127.0.0.1', name)
    t.same(await look(name, true), [{ address: '127.0.0.1', family: 4 }], name)
  }
  t.match(await look('localhost', false), /^(127\.0\.0\.1|::1)$/)
  t.not(await look('app.localhost.invalid', false), '127.0.0.1', 'a name that only looks like it')
})
