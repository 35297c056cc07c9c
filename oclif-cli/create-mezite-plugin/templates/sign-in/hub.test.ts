import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { conformPlugin, conformSignIn, conformTest, type SignInVisit } from '@mezite/core/testing'
import plugin from './hub.ts'

const sha256 = createHash('sha256').update('secret').digest('hex')
const config = { people: [{ name: 'alice', sha256, roles: ['access'] }] }
const use = { signInDesk: {}, users: {} }
conformPlugin(conformTest(test), plugin, { config, use, refused: [{}, { people: [{ name: 'alice' }] }] })

const as =
  (password: string) =>
  ({ visitor, url }: SignInVisit) => {
    const credentials = Buffer.from(`alice:${password}`).toString('base64')
    return visitor.open(url, { headers: { authorization: `Basic ${credentials}` } })
  }
conformSignIn(conformTest(test), plugin, {
  ...{ config, choice: 'my-plugin', user: 'alice' },
  ...{ signIn: as('secret'), fail: as('wrong') },
})
