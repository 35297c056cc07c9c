import { readFileSync, writeFileSync } from 'node:fs'
import { AdminCommand, CliError, escapeText, type Flat, listOf } from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { checkProof, type Proof, proofIn, sha256 } from './commands/proof.ts'

const SECOND_MS = 1_000

class AuditProve extends AdminCommand {
  static override summary = 'Write or verify the proof that a person signed a request with a passkey'
  static override description =
    'EVENT is the id of an event intent.signed; mezctl audit ls --type intent.signed --json shows it. With --check, nothing is asked of the hub: compare the thumbprint of the key with the one that you know.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 01a2177e-3930-733d-b419-54bdf06c4dcb --out proof.json',
    '<%= config.bin %> <%= command.id %> --check proof.json',
  ]
  static override args = { event: Args.string({ description: 'Id of the event' }) }
  static override flags = {
    check: Flags.string({ description: 'Verify this file instead', helpValue: 'FILE' }),
    out: Flags.string({ description: 'File to write. Default: EVENT.proof.json', helpValue: 'FILE' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AuditProve)
    if ((args.event === undefined) === (flags.check === undefined))
      throw new CliError('MEZ_USAGE_WRONG', 'name either an event or --check FILE')
    if (flags.check !== undefined) return await this.#check(flags, flags.check)
    const id = args.event as string
    const proof = proofOf(await this.#find(flags, id), id)
    const file = flags.out ?? `${id}.proof.json`
    try {
      writeFileSync(file, `${JSON.stringify(proof, null, 2)}\n`, { flag: 'wx' })
    } catch (error) {
      throw new CliError('MEZ_USAGE_WRONG', `cannot write ${file}: ${(error as Error).message}`)
    }
    await this.show(
      flags,
      { file },
      () => `Wrote ${file}. Verify it anywhere: mezctl audit prove --check ${file}`,
    )
  }

  /** Ids begin with the time of the event. */
  async #find(flags: Parameters<typeof this.hub>[0], id: string): Promise<Flat> {
    const at = /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id)
      ? Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
      : Number.NaN
    if (Number.isNaN(at))
      throw new CliError('MEZ_USAGE_WRONG', `"${escapeText(id)}" is not the id of an event`)
    const day = (ms: number) => new Date(ms).toISOString()
    const query = { type: 'intent.signed', from: day(at - SECOND_MS), to: day(at + SECOND_MS), limit: 500 }
    const found = listOf<Flat>(await this.hub(flags).call('GET', '/audit', { query })).find(
      (event) => event.id === id,
    )
    if (found === undefined)
      throw new CliError('MEZ_USAGE_WRONG', `there is no event intent.signed with the id ${escapeText(id)}`)
    return found
  }

  async #check(flags: Parameters<typeof this.show>[0], file: string): Promise<void> {
    let proof: Proof
    let intent: ReturnType<typeof checkProof>
    try {
      proof = JSON.parse(readFileSync(file, 'utf8')) as Proof
      intent = checkProof(proof)
    } catch (error) {
      throw new CliError('MEZ_USAGE_WRONG', `${file} proves nothing: ${(error as Error).message}`)
    }
    const { crv, e, kty, n, x, y } = proof.public_key
    // RFC 7638.
    const members = kty === 'RSA' ? { e, kty, n } : kty === 'OKP' ? { crv, kty, x } : { crv, kty, x, y }
    const thumbprint = sha256(JSON.stringify(members)).toString('base64url')
    const { signer, credential_id } = proof
    const result = { valid: true, signer, credential_id, key_thumbprint: thumbprint, ...intent }
    await this.show(flags, result, () =>
      [
        `The signature is valid: ${escapeText(signer)} signed this with a passkey that verified its person.`,
        ...Object.entries(intent).map(([name, value]) => `  ${name}: ${escapeText(String(value))}`),
        `  passkey: ${escapeText(credential_id)}`,
        `  thumbprint of its public key: ${thumbprint}`,
      ].join('\n'),
    )
  }
}

function proofOf(event: Flat, id: string): Proof {
  try {
    return proofIn(event)
  } catch (error) {
    throw new CliError('MEZ_USAGE_WRONG', `event ${id} proves nothing: ${(error as Error).message}`)
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = { 'audit:prove': AuditProve }
