import { verify, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { MezError } from '@mezite/core'
import type { ProgramCommand } from '@mezite/core/program'
import { ATTESTATION, packageDigest } from './package-digest.ts'

/** The only workflow that makes releases, at the tag of a version. */
const WORKFLOW = 'https://github\\.com/mezite/mezite/\\.github/workflows/release\\.yml'
const PAYLOAD = 'application/vnd.in-toto+json'
/** A statement about 40 packages has a few KB. */
const MOST_BYTES = 1 << 20

export const versionCommand: ProgramCommand = {
  summary: 'print the version, verify the files of this program',
  help: `Usage: mezhub version [--verify]

Prints the version. With --verify it compares the files of each package of Mezite that this program consists of with the attestation
that it was shipped with, and exits 1 if one differs. It needs no network.
A changed program could print the same: SECURITY.md says how a download is checked without running it.
`,
  async run(args, print) {
    const { values } = parseArgs({ args: [...args], options: { verify: { type: 'boolean' } } })
    const hub = dirname(realpathSync(process.argv[1]!))
    const { version: own } = JSON.parse(readFileSync(join(hub, 'package.json'), 'utf8'))
    print(`mezhub ${own}\n`)
    if (!values.verify) return
    const { identity, digests } = readAttestation(join(hub, ATTESTATION), own)
    const folders = packagesOf(hub)
    const wrong = [...folders].filter(([name, folder]) => digests.get(name) !== packageDigest(folder))
    if (wrong.length > 0)
      throw changed(
        wrong.map(([name, folder]) => `${name} (${folder})`).join(', '),
        'differs from its attestation',
      )
    print(`${folders.size} packages are as attested by ${identity}\n`)
    print('This is what the program says about itself, and a changed program could say it too.\n')
    print('SECURITY.md, "Check a download", says how to check the download and the signer without it.\n')
  },
}

const changed = (what: string, problem: string, cause?: unknown): MezError =>
  new MezError('MEZ_PROGRAM_CHANGED', `${what} ${problem}`, { cause })

/** The packages of Mezite that the hub needs, itself included, by name. */
function packagesOf(hub: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const add = (name: string, from: string): void => {
    if (found.has(name)) return
    for (let at = from; ; at = dirname(at)) {
      const folder = name === '@mezite/hub' ? hub : join(at, 'node_modules', name)
      if (existsSync(join(folder, 'package.json'))) {
        const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
        found.set(name, folder)
        for (const one of Object.keys(dependencies)) if (one.startsWith('@mezite/')) add(one, folder)
        return
      }
      if (at === dirname(at)) throw changed(name, 'is missing')
    }
  }
  add('@mezite/hub', hub)
  return found
}

interface Attestation {
  /** The workflow that signed. */
  readonly identity: string
  /** SHA-256 of each package, by name. */
  readonly digests: ReadonlyMap<string, string>
}

/**
 * Reads a Sigstore bundle with a DSSE envelope: the signature must be of the key in its certificate, and the certificate of the
 * release workflow at the tag of this version. Whether an authority issued the certificate is for the commands of SECURITY.md,
 * because a program that was changed would not ask. Throws `MEZ_PROGRAM_CHANGED`.
 */
export function readAttestation(file: string, ownVersion: string): Attestation {
  if (!existsSync(file))
    throw new MezError('MEZ_PROGRAM_UNATTESTED', 'this program was built without an attestation')
  try {
    const text = readFileSync(file)
    if (text.length > MOST_BYTES) throw new Error('it is too large')
    const bundle = JSON.parse(text.toString())
    const { payload, payloadType, signatures } = bundle.dsseEnvelope
    const certificate = new X509Certificate(
      Buffer.from(bundle.verificationMaterial.certificate.rawBytes, 'base64'),
    )
    const body = Buffer.from(payload, 'base64')
    if (payloadType !== PAYLOAD || signatures.length !== 1) throw new Error('it is of another kind')
    // DSSE signs the type and the body with their lengths, so that neither can pass for a part of the other.
    const header = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `
    const signed = Buffer.concat([Buffer.from(header), body])
    if (!verify('sha256', signed, certificate.publicKey, Buffer.from(signatures[0].sig, 'base64')))
      throw new Error('its signature is not valid')
    const identity = /^URI:([^,\s]+)$/.exec(certificate.subjectAltName ?? '')?.[1] ?? ''
    const tag = ownVersion.replaceAll('.', '\\.')
    if (!new RegExp(`^${WORKFLOW}@refs/tags/v${tag}$`).test(identity))
      throw new Error(`its signer is ${JSON.stringify(identity)}, not the release workflow at v${ownVersion}`)
    const { subject } = JSON.parse(body.toString()) as {
      subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
    }
    return { identity, digests: new Map(subject.map(({ name, digest }) => [name, digest.sha256])) }
  } catch (cause) {
    throw changed(file, `is not the attestation of this version: ${(cause as Error).message}`, cause)
  }
}
