import { CliError, escapeText, path, showCell, withProgress } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

const DEADLINE_MS = 60_000

interface TestAnswer {
  readonly ok?: boolean
  readonly redirect_uri?: string
  readonly post_logout_redirect_uri?: string
  readonly backchannel_logout_uri?: string
  readonly checks?: readonly {
    readonly name?: string
    readonly result?: 'ok' | 'warn' | 'fail'
    readonly detail?: string | null
  }[]
}

const WORDS: Readonly<Record<string, string>> = { ok: 'ok', warn: 'WARNING', fail: 'FAILED' }

export default class SsoTest extends AdminCommand {
  static override summary = 'let the hub talk to the identity provider, without signing anybody in'
  static override args = { name: Args.string({ required: true, description: 'the connector' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SsoTest)
    const client = this.hub(flags)
    const asked = client.call('POST', path`/connectors/${args.name}/test`, { deadlineMs: DEADLINE_MS })
    const answer = ((await withProgress(`Testing ${escapeText(args.name)}`, asked)) ?? {}) as TestAnswer
    await this.show(flags, answer, () => {
      const checks = answer.checks ?? []
      const lines: string[] = checks.map(({ name, result = 'fail', detail }) => {
        const word = (WORDS[result] ?? 'FAILED').padEnd(9)
        return `${word}${showCell(name)}${detail ? `: ${escapeText(detail)}` : ''}`
      })
      for (const [what, uri] of [
        ['redirect URI', answer.redirect_uri],
        ['post-logout redirect URI, if it has such', answer.post_logout_redirect_uri],
        ['back-channel logout URI, if it has such', answer.backchannel_logout_uri],
      ])
        if (uri) lines.push(`Register at the provider as ${what}: ${escapeText(uri)}`)
      if (answer.ok !== false) lines.push(`connector ${escapeText(args.name)} works`)
      return lines.join('\n')
    })
    if (answer.ok === false) {
      throw new CliError('connector_failed', `connector ${args.name} does not work`, {
        hint: 'Correct the document and run mezctl sso create again.',
      })
    }
  }
}
