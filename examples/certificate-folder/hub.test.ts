import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { certificates } from '@mezite/core'
import {
  conformCertificates,
  conformPlugin,
  conformTest,
  createTestHost,
  testCertificate,
} from '@mezite/core/testing'
import plugin from './hub.ts'

const hosts = ['wiki.example.com', 'shop.example.com']
const folder = mkdtempSync(join(tmpdir(), 'certificate-folder-'))
after(() => rmSync(folder, { recursive: true }))
const config = { folder, hosts, interval: '100ms' }

async function write(): Promise<string> {
  const { cert, key } = await testCertificate(hosts)
  for (const host of hosts) {
    writeFileSync(join(folder, `${host}.key`), key)
    writeFileSync(join(folder, `${host}.pem`), cert)
  }
  return cert
}
async function open() {
  const host = createTestHost(plugin, { config })
  await host.start()
  return { source: host.slot(certificates)[0]!, ready: hosts, close: host.stop }
}

conformPlugin(conformTest(test), plugin, { config, refused: [{}, { ...config, folder: 'relative' }] })
conformCertificates(conformTest(test), async () => {
  await write()
  return open()
})

test('it serves a new certificate, and the old one while the files are broken', async () => {
  const first = await write()
  const { source, close } = await open()
  const served = () => source.certificateFor(hosts[0]!)?.cert
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(served(), first)
  rmSync(join(folder, `${hosts[0]}.pem`))
  await until(() => source.states()[0]?.problem !== null)
  assert.equal(served(), first)
  const second = await write()
  await until(() => served() === second)
  await close()
})
