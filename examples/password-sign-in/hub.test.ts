import { test } from 'node:test'
import { conformPlugin, conformSignIn, conformTest, type SignInVisit } from '@mezite/core/testing'
import plugin from './hub.ts'

process.env.ALICE_PASSWORD = 'correct horse'
const alice = { name: 'alice', password: { env: 'ALICE_PASSWORD' }, roles: ['access'] }
const config = { people: [alice] }
const use = { signInDesk: {}, users: {} }
conformPlugin(conformTest(test), plugin, { config, use, refused: [{}, { people: [alice, alice] }] })

const as =
  (password: string) =>
  ({ visitor, url }: SignInVisit) => {
    const credentials = Buffer.from(`alice:${password}`).toString('base64')
    return visitor.open(url, { headers: { authorization: `Basic ${credentials}` } })
  }
conformSignIn(conformTest(test), plugin, {
  ...{ config, choice: 'password', user: 'alice' },
  ...{ signIn: as('correct horse'), fail: as('wrong') },
})
