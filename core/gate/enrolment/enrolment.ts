import { createHash, X509Certificate } from 'node:crypto'
import type { Authorities, IssuedCertificate } from '../../api/certificate-authorities.ts'
import type { Transaction } from '../../api/database.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { isHostname } from '../../wire/tunnel-protocol.ts'
import type { AgentTable, AgentTables } from './agent-tables.ts'
import { type JoinTokens, tokenRefused } from './join-tokens.ts'

/** Issues the certificates of agents. All methods throw `Problem` when they refuse the agent. */
export interface Enrolment {
  /**
   * Exchanges a join token for a certificate. An agent that missed the response may send the same token with the same key
   * again until the token expires, as long as its certificate has not been replaced since.
   */
  join(input: {
    readonly token: unknown
    readonly csr: unknown
    readonly hostname: unknown
    readonly clientIp: string
  }): Promise<IssuedCertificate>
  /** Issues a new certificate to an agent that uses the one with `serial`. */
  renew(hostname: string, serial: string, csr: unknown): Promise<IssuedCertificate>
  /** Revokes the previous certificate, because the newest one was used. */
  confirm(hostname: string, serial: string): Promise<void>
  /** Stores which keys of the hub CA the agent trusts. */
  learnt(hostname: string, pins: readonly string[]): Promise<void>
}

/** Changes the rows of agents through the change sequence. */
export function createEnrolment(options: {
  readonly revisions: Pick<Revisions, 'write'>
  readonly authorities: Pick<Authorities, 'issueAgent' | 'pin'>
  /** `bindsIn`: whether an app, even an expired one, names this agent, as the transaction sees it. */
  readonly catalog: { bindsIn(trx: Transaction, agent: string): Promise<boolean> }
  readonly joinTokens: Pick<JoinTokens, 'spend' | 'exchanged'>
  readonly clock: Clock
}): Enrolment {
  const { revisions, authorities, catalog, joinTokens, clock } = options

  async function sign(csr: string, hostname: string, generation: number): Promise<IssuedCertificate> {
    try {
      return await authorities.issueAgent({ csr, hostname, generation })
    } catch {
      throw problemFor('csr_invalid', 'The certificate request is not valid.')
    }
  }

  /** `serial`: only while this is its newest certificate. */
  const update = (hostname: string, set: Partial<AgentTable>, serial?: string): Promise<void> =>
    revisions.write(async (trx, change) => {
      const row = trx
        .withTables<AgentTables>()
        .updateTable('agents')
        .set(set)
        .where('hostname', '=', hostname)
      await (serial === undefined ? row : row.where('cert_serial', '=', serial)).execute()
      change.touch('agent', hostname)
    })

  return {
    join({ token, csr, hostname, clientIp }) {
      if (typeof token !== 'string' || typeof csr !== 'string' || !isHostname(hostname)) {
        throw problemFor('join_invalid', 'The fields token, csr and hostname (in lower case) are required.')
      }
      return revisions.write(async (trx, change) => {
        const tables = trx.withTables<AgentTables>()
        const spent = await joinTokens.spend(trx, token, hostname)
        const [before] = await tables
          .selectFrom('agents')
          .select(['generation', 'cert_serial'])
          .where('hostname', '=', hostname)
          .execute()
        if (spent.agent_hostname !== null && spent.agent_hostname !== hostname) {
          throw problemFor('hostname_refused', 'The join token is for another host name.')
        }
        const repeated = spent.used_key !== null
        if (
          !repeated &&
          spent.agent_hostname === null &&
          (before || (await catalog.bindsIn(trx, hostname)))
        ) {
          throw problemFor(
            'hostname_refused',
            'The host name is taken or has apps: make a token with --agent-hostname.',
          )
        }
        const generation = (before?.generation ?? 0) + 1
        const issued = await sign(csr, hostname, generation)
        const key = keyHash(issued)
        if (repeated && (key !== spent.used_key || before?.cert_serial !== spent.used_serial)) {
          throw tokenRefused()
        }
        await joinTokens.exchanged(trx, spent.id, { key, serial: issued.serial })
        const row = {
          cert_serial: issued.serial,
          previous_serial: null,
          cert_expires: new Date(issued.notAfter),
          generation,
          cert_authority: issued.authority,
          // The response contains the pin, and an agent that misses the response has not joined.
          hub_ca_pins: authorities.pin(),
        }
        // If two agents join with the same free name at once, the second insert fails and its token stays unused.
        if (before) await tables.updateTable('agents').set(row).where('hostname', '=', hostname).execute()
        else
          await tables
            .insertInto('agents')
            .values({ hostname, created: new Date(clock.now()), ...row })
            .execute()
        change.touch('agent', hostname)
        await change.audit({
          type: 'agent.joined',
          success: true,
          clientIp,
          fields: { agent: hostname, token: spent.id },
        })
        return issued
      })
    },
    async renew(hostname, serial, csr) {
      if (typeof csr !== 'string')
        throw problemFor('csr_invalid', 'The field csr (a certificate request) is required.')
      return revisions.write(async (trx, change) => {
        const tables = trx.withTables<AgentTables>()
        const [row] = await tables
          .selectFrom('agents')
          .selectAll()
          .where('hostname', '=', hostname)
          .forUpdate()
          .execute()
        if (!row) throw problemFor('agent_unknown', 'The agent was removed.')
        if (serial !== row.cert_serial && serial !== row.previous_serial) {
          throw problemFor('certificate_superseded', 'A newer certificate of this agent is in use.')
        }
        const generation = row.generation + 1
        const issued = await sign(csr, hostname, generation)
        await tables
          .updateTable('agents')
          .set({
            cert_serial: issued.serial,
            previous_serial: serial,
            cert_expires: new Date(issued.notAfter),
            generation,
            cert_authority: issued.authority,
          })
          .where('hostname', '=', hostname)
          .execute()
        change.touch('agent', hostname)
        return issued
      })
    },
    confirm: (hostname, serial) => update(hostname, { previous_serial: null }, serial),
    learnt: (hostname, pins) => update(hostname, { hub_ca_pins: pins.join(',') }),
  }
}

/** SHA-256 of the public key (SPKI) in a certificate, hex. */
function keyHash({ certificate }: IssuedCertificate): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex')
}
