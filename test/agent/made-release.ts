/** Releases of agents as people with keys sign them, and folders that offer them. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { signedBytes } from '../../agent/updates/release.ts'
import { openStagedReleases, STATEMENT } from '../../agent/updates/staged-releases.ts'

export const pairs = Array.from({ length: 3 }, () => generateKeyPairSync('ed25519'))
export const stranger = generateKeyPairSync('ed25519').privateKey
export const [first, second, third] = pairs.map(({ privateKey }) => privateKey) as [
  KeyObject,
  KeyObject,
  KeyObject,
]
export const trust = (now = Date.now()) => ({
  keys: pairs.map(({ publicKey }) => publicKey),
  threshold: 2,
  target: 'linux-x64',
  now,
})
export const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')

export interface Made {
  readonly version?: unknown
  readonly content?: string
  readonly signers?: readonly KeyObject[]
  readonly changes?: object
  /** Changes the statement once it is signed. */
  readonly tamper?: (body: string) => string
}
/** A statement about a release whose file has this content. */
export function statement({
  version = '9.1.0',
  content = 'program',
  signers = [first, second],
  changes,
  tamper,
}: Made = {}) {
  const file = { name: 'mezd-linux-x64', size: Buffer.byteLength(content), sha256: sha256(content) }
  const expires = new Date(Date.now() + 3_600_000).toISOString()
  const all = { program: 'mezd', version, expires, files: { 'linux-x64': file }, ...changes }
  const body = JSON.stringify(all)
  const signatures = signers.map((key) => ({
    // What it calls its key means nothing.
    keyid: 'same',
    sig: sign(null, signedBytes(Buffer.from(body)), key).toString('base64'),
  }))
  const payload = Buffer.from(tamper?.(body) ?? body).toString('base64')
  return JSON.stringify({ payloadType: 'application/vnd.mezite.mezd-release+json', payload, signatures })
}

/** A source with one release at a time, and the data directory of an agent. */
export function site(t: Test) {
  const scratch = mkdtempSync(join(tmpdir(), 'mezite-updates-'))
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
  const at = (...path: readonly string[]) => join(scratch, ...path)
  for (const name of ['source', 'data']) mkdirSync(at(name), { recursive: true })
  const offer = (made: Made = {}) => {
    writeFileSync(at('source', STATEMENT), statement(made))
    writeFileSync(at('source/mezd-linux-x64'), made.content ?? 'program')
  }
  const releases = openStagedReleases({ dataDir: at('data'), source: at('source'), trust: () => trust() })
  return { at, offer, releases }
}
