import { type Notifier, type Static, Type } from '@mezite/core'
import { post } from './http-post.ts'
import { routing, wants } from './routing.ts'

type Message = Parameters<Notifier['deliver']>[0]

export const Chat = Type.Closed({
  ...routing,
  service: Type.OneOf(['slack', 'mattermost', 'teams'], { description: 'slack, mattermost or teams' }),
  url: Type.Secret({ description: 'address of the incoming webhook; who knows it can post' }),
})

/**
 * Posts to the channel of an incoming webhook. Only what goes to operators: a channel is not a person. Texts reach the
 * service in a form that it shows as text, without links, mentions or formats of their own.
 */
export function chat(config: Static<typeof Chat>): Notifier {
  const { name, service, url } = config
  const write = { slack, mattermost, teams }[service]
  return {
    name,
    takes: (notification) => notification.user === undefined && wants(config, notification),
    deliver: (message, signal) => post(url, JSON.stringify(write(message)), {}, signal),
  }
}

const titleOf = ({ cluster, severity, title }: Message) =>
  `${severity === 'info' ? '' : `${severity.toUpperCase()} `}[${cluster}] ${title}`

/** https://docs.slack.dev/messaging/formatting-message-text: three characters have a meaning outside of plain text. */
function slack(message: Message) {
  const { text, url } = message
  const escaped = (given: string) =>
    given.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const plain = (given: string) => ({
    type: 'section',
    text: { type: 'plain_text', text: given, emoji: false },
  })
  return {
    // For notifications of the system; the blocks are what people read.
    text: escaped(titleOf(message)),
    blocks: [
      plain(titleOf(message)),
      // At most 3,000 characters a block.
      ...(text ? [plain(text.slice(0, 3_000))] : []),
      ...(url === null
        ? []
        : [{ type: 'section', text: { type: 'mrkdwn', text: `<${escaped(url)}|Open>` } }]),
    ],
    unfurl_links: false,
    unfurl_media: false,
  }
}

/** Mattermost has no plain text: a character with a meaning gets a backslash, and names of people and channels a gap. */
function mattermost(message: Message) {
  const plain = (given: string) =>
    given.replaceAll(/[\\`*_{}[\]()#+.!|<>~:=-]/g, '\\$&').replaceAll(/([@&])(?=\S)/g, '$1\u200b')
  const { text, url } = message
  const lines = [
    `**${plain(titleOf(message))}**`,
    ...(text ? [plain(text)] : []),
    ...(url ? [`[Open](${url})`] : []),
  ]
  return { text: lines.join('\n\n') }
}

/** An Adaptive Card, as workflows of Teams take it; text runs have no markup. */
function teams(message: Message) {
  const { text, url } = message
  const run = (given: string, weight: 'Bolder' | 'Default') => ({
    type: 'RichTextBlock',
    inlines: [{ type: 'TextRun', text: given, weight }],
  })
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          ...{
            $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
            type: 'AdaptiveCard',
            version: '1.4',
          },
          body: [run(titleOf(message), 'Bolder'), ...(text ? [run(text, 'Default')] : [])],
          ...(url !== null && { actions: [{ type: 'Action.OpenUrl', title: 'Open', url }] }),
        },
      },
    ],
  }
}
