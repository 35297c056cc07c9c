import type { Documentation } from '@mezite/core'
import { type Argument, type Input, inputOf } from './input.ts'
import type { Members } from './message.ts'

/** Makes a call of the API as the caller. */
export type CallApi = (call: {
  readonly method: string
  readonly url: string
  readonly body?: unknown
  readonly onlyCheck?: boolean
}) => Promise<{ readonly status: number; readonly body: unknown }>

/** What a tool found. */
export interface Answer {
  readonly content: Members
  /** Why the tool did not do it; absent: it did. */
  readonly reason?: string
}

/** A tool of the hub. */
export interface Tool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Input
  /** The right without which a caller does not see the tool; null: every caller does. */
  readonly right: 'access.read' | 'audit.list' | 'status.read' | null
  /** What the record of a call says beside the name of the tool. */
  readonly record?: (given: Members) => string
  run(given: Members, call: CallApi): Promise<Answer>
}

const LONGEST_NAME = 1_024
const text = (
  description: string,
  more: { maxLength?: number; pattern?: string; enum?: string[] } = {},
): Argument => ({
  ...{ type: 'string', description, maxLength: LONGEST_NAME },
  ...more,
})

/** The tools that only read what an administrator reads. */
const READING: readonly Tool[] = [
  {
    name: 'read_status',
    title: 'Status of the hub',
    description:
      'Reads the status of the cluster: version, hubs, agents, applications, sessions, and what needs attention.',
    input: inputOf({}),
    right: 'status.read',
    run: async (_, call) => answerOf('status', await call({ method: 'GET', url: '/v1/webapi/status' })),
  },
  {
    name: 'explain_access',
    title: 'Explain access',
    description: 'Explains whether a user may open an application now, by which roles, and what is missing.',
    input: inputOf(
      {
        user: text('The name of the user, or bot:NAME'),
        app: text('The name of the application', { maxLength: 64 }),
        way: text('How the user comes; default: browser', { enum: ['browser', 'msh', 'api'] }),
        method: text('A method such as GET, to explain one request', { maxLength: 32 }),
        path: text('A path that begins with /, to explain one request', { maxLength: 8_192 }),
      },
      ...['user', 'app'],
    ),
    right: 'access.read',
    run: async (given, call) => answerOf('explanation', await call(read('/v1/webapi/access/explain', given))),
  },
  {
    name: 'search_audit',
    title: 'Search the audit trail',
    description:
      'Finds the newest events of the audit trail that match all arguments, oldest first. The search itself is recorded in the trail.',
    input: inputOf({
      type: text('The type of the events, such as access.denied', { maxLength: 100 }),
      user: text('The name of the user'),
      app: text('The name of the application'),
      request: text('The id of a request'),
      session: text('The id of a session'),
      ip: text('The address of the client'),
      agent: text('The host name of the agent'),
      reason: text('A reason code'),
      changes: { type: 'boolean', description: 'Only what somebody or something has changed' },
      from: text('Not before this time (RFC 3339)', { maxLength: 40 }),
      to: text('Not after this time (RFC 3339)', { maxLength: 40 }),
      before: text('The id of an event: the newest events before it', { maxLength: 40 }),
      limit: { type: 'integer', minimum: 1, maximum: 200, description: 'The most events; default: 50' },
    }),
    right: 'audit.list',
    async run({ changes, limit = 50, ...exact }, call) {
      const query = { ...exact, limit, ...(changes === true && { changes }) }
      return answerOf('events', await call(read('/v1/webapi/audit', query)))
    },
  },
]

const CHECKED = [
  'the address is a call of the API that changes something',
  'the caller has the right to it at this moment, also for this thing if the right is for some labels only',
  'the fresh confirmation with a passkey that a role of the caller may demand',
  'the form of the body, if the description of the API has one for this call',
]
const NOT_CHECKED = [
  'the content of a document: its spec, the names in it, and whether the caller may store its labels',
  'whether the thing exists, is in use, or has been changed meanwhile',
  'whether a second person must approve the change',
  'what the change leads to, such as who gains or loses access',
]
/** One call of the API, without a query. */
const PATH = String.raw`^/v1/webapi(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+$`

const CHECK: Tool = {
  name: 'check_change',
  title: 'Check a change without making it',
  description:
    'Asks whether the caller may make a change by the JSON API, and changes nothing. The answer lists what was checked and what was not: an allowed change can still fail.',
  input: inputOf(
    {
      method: text('The method of the call', { enum: ['POST', 'PUT', 'PATCH', 'DELETE'] }),
      path: text('The path of the call, such as /v1/webapi/roles/developers', { pattern: PATH }),
      body: { type: 'object', description: 'The body of the call' },
    },
    ...['method', 'path'],
  ),
  right: null,
  record: ({ method, path }) => `${method} ${path}`,
  async run({ method, path, body }, call) {
    const asked = { method: String(method), url: String(path), body, onlyCheck: true }
    const { status, body: answer } = await call(asked)
    const about = { changed: false, checked: CHECKED, not_checked: NOT_CHECKED }
    if (status === 204) return { content: { allowed: true, ...about } }
    const problem = problemIn(answer, status)
    return { content: { allowed: false, problem, ...about }, reason: problem.code }
  },
}

const LONGEST_PART = 40_000

/** The tools about the documentation, which every caller may read. */
const about = ({ find, page }: Documentation): readonly Tool[] => [
  {
    name: 'search_documentation',
    title: 'Search the documentation',
    description: 'Finds the places in the documentation of this version of the hub that answer a question.',
    input: inputOf({ question: text('A question, or words', { maxLength: 200 }) }, 'question'),
    right: null,
    run: async ({ question }) => ({ content: { places: await find(String(question)) } }),
  },
  {
    name: 'read_documentation',
    title: 'Read a page of the documentation',
    description: `Reads a page of the documentation as Markdown, ${LONGEST_PART} characters at a time.`,
    input: inputOf(
      {
        page: text('The name of the page, such as how-to/backup', { maxLength: 200 }),
        from: {
          type: 'integer',
          minimum: 0,
          maximum: 10_000_000,
          description: 'The first character; default: 0',
        },
      },
      'page',
    ),
    right: null,
    async run({ page: name, from = 0 }) {
      const [plain = ''] = String(name).split('#', 1)
      const markdown = await page(plain)
      if (markdown === null)
        return {
          content: { code: 'page_not_found', detail: 'The documentation has no such page.' },
          reason: 'page_not_found',
        }
      const begin = Number(from)
      const end = begin + LONGEST_PART
      const part = markdown.slice(begin, end)
      return { content: { page: plain, markdown: part, next: end < markdown.length ? end : null } }
    },
  },
]

/** All tools, whoever asks; the texts are the same for everybody and have no names of the cluster. */
export const toolsOf = (documentation: Documentation | undefined): readonly Tool[] => [
  ...(documentation ? about(documentation) : []),
  ...READING,
  CHECK,
]

/** A call that reads; its query is what was given. */
function read(path: string, given: Members) {
  const query = new URLSearchParams(Object.entries(given).map(([name, value]) => [name, String(value)]))
  return { method: 'GET', url: `${path}?${query}` }
}

/** The answer of a call that reads, under a name. */
function answerOf(
  name: string,
  { status, body }: { readonly status: number; readonly body: unknown },
): Answer {
  if (status === 200) return { content: { [name]: body } }
  const problem = problemIn(body, status)
  return { content: problem, reason: problem.code }
}

/** What a program and a person need of a problem of the API. */
function problemIn(body: unknown, status: number) {
  const { code, detail, errors } = Object(body) as Record<string, unknown>
  return {
    status,
    code: typeof code === 'string' ? code : 'internal_error',
    detail: typeof detail === 'string' ? detail : null,
    ...(errors !== undefined && { errors }),
  }
}
