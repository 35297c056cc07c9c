import { defineHubPlugin, notifiers, Type } from '@mezite/core'
import { Chat, chat } from './chat.ts'
import { Mail, mail } from './mail.ts'
import { Webhook, webhook } from './webhook.ts'

/** Channels that most operators have. The page how-to/notifications of the documentation says what each receives. */
export default defineHubPlugin({
  name: 'notifiers',
  api: 1,
  summary: 'Delivers notifications by webhook, e-mail and chat',
  config: Type.Closed({
    webhooks: Type.Optional(Type.Array(Webhook, { description: 'signed JSON over HTTPS' })),
    mails: Type.Optional(Type.Array(Mail, { description: 'e-mail over SMTP' })),
    chats: Type.Optional(
      Type.Array(Chat, { description: 'incoming webhooks of Slack, Mattermost and Teams' }),
    ),
  }),
  validate({ webhooks = [], mails = [], chats = [] }) {
    const seen = new Set<string>()
    const problems = []
    for (const [list, entries] of Object.entries({ webhooks, mails, chats })) {
      for (const [at, { name }] of entries.entries()) {
        if (seen.has(name)) problems.push({ path: [list, String(at), 'name'], message: `"${name}" is taken` })
        seen.add(name)
      }
    }
    for (const [at, { security, host, user, password }] of mails.entries()) {
      const local = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)
      if (security === 'none' && !local)
        problems.push({
          path: ['mails', String(at), 'security'],
          message: 'none is only for a server on this machine',
        })
      if ((user === undefined) !== (password === undefined))
        problems.push({
          path: ['mails', String(at), 'user'],
          message: 'needs `password`, and `password` needs `user`',
        })
    }
    return problems
  },
  provides: { notifiers },
  setup({ config: { webhooks = [], mails = [], chats = [] }, log, provide }) {
    const mailers = mails.map((one) => mail(one, log))
    for (const notifier of [...webhooks.map(webhook), ...chats.map(chat), ...mailers])
      provide.notifiers(notifier)
  },
})
