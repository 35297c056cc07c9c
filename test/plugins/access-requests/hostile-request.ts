import type { Notification } from '@mezite/core'
import { testMessage } from '@mezite/core/testing'
import { reasonOf } from '../../../plugins/access-requests/form-fields.ts'
import { createMessages } from '../../../plugins/access-requests/messages.ts'
import { requestOf } from '../../../plugins/access-requests/request.ts'
import { plain } from '../../../plugins/notifications/store.ts'

/** Markup of web pages, Slack, Mattermost and Teams, the end of a header, and characters that hide text or turn it around. */
const REASON =
  '<img src=x onerror=alert(1)> <!channel> <https://evil.test|Approve> [Approve](https://evil.test) @channel *b* `c` ' +
  '<at>all</at>\r\nBcc: evil@b.test\r\n\r\n\u202e\u200b"\'&'

/** The notification of a request with a hostile reason, as notifiers get it, and the reason as people should read it. */
export async function hostileRequest() {
  const sent: Notification[] = []
  const messages = createMessages({
    confirmations: undefined,
    notifiers: [],
    users: { list: () => [] },
    approves: () => false,
    notifications: { send: async (one) => void sent.push(one), sendUrgently: async () => false },
    publicNames: { signInOrigin: 'https://hub.test' },
  })
  const reason = reasonOf(REASON)
  const request = requestOf(
    {
      id: 'r1',
      user_name: 'eve@b.test',
      user_key: 'eve@b.test',
      holder: null,
      role: 'dev',
      via: 'dev',
      app: 'a1',
      app_name: 'orders',
      reason,
      duration: 3_600_000,
      approvals: 1,
      break_glass: false,
      path: null,
      created: 0,
      expires: 1,
      state: 'pending',
      closed: null,
      grant_id: null,
      until: null,
      used: null,
      language: 'en',
      asked_by: null,
    },
    [],
  )
  await messages.asked(request, null as never)
  const [about] = sent.map(plain)
  return { message: testMessage(about), shown: `Reason: ${plain({ ...about!, text: reason }).text}` }
}
