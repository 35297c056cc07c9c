/** The event of a request, cut into what it shares with others of the same session and app, and its own values. */
export interface SplitRequest {
  /** The shared text that is not the same for all requests; `templateOf` has all of it. */
  readonly context: string
  readonly id: string
  readonly time: string
  readonly requestId: string
  /** The other values in the order of the text. */
  readonly parts: readonly string[]
}

/** Values besides id, time and id of the request. */
const PARTS = 7
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
/** JSON contains no control characters, so a tab separates. */
const TEXT = '[^"\\\\\\x00-\\x1f]*(?:\\\\[^\\x00-\\x1f][^"\\\\\\x00-\\x1f]*)*'
const NUMBER = '[0-9]+|null'

const BEFORE_ID = '{"id":"'
const BEFORE_TIME = '","type":"app.request","time":"'
const ID_AT = BEFORE_ID.length
const AFTER_ID = ID_AT + 36
const TIME_AT = AFTER_ID + BEFORE_TIME.length
const AFTER_TIME = TIME_AT + 24

/** A quote inside a string has a backslash before it, so neither text occurs in one. */
const BEFORE_REQUEST_ID = ',"request_id":"'
const BEFORE_AGENT = ',"agent":'

const BETWEEN = [
  ...[',"method":"', '","path":"', '","status":', ',"bytes_in":', ',"bytes_out":', ',"duration_ms":'],
]
const WHOLE_ID = new RegExp(`${UUID}"`, 'y')
const VALUES = new RegExp(
  [`null|"${TEXT}"`, TEXT, TEXT, NUMBER, NUMBER, NUMBER, '[0-9]+(?:,"[a-z_]+_ms":[0-9]+)*']
    .map((value, at) => `(${value})${BETWEEN[at] ?? ''}`)
    .join(''),
  'y',
)

/**
 * Cuts the JSON text of an `app.request`. Interleaving the template with the values gives the text again, whatever it
 * contains. Null: the text has another shape, or its time is not the one in its id. The shared text is long, and is found
 * by what stands around it: a pattern for all of the text takes twice as long.
 */
export function splitRequest(text: string): SplitRequest | null {
  if (!text.startsWith(BEFORE_ID) || !text.startsWith(BEFORE_TIME, AFTER_ID) || text[AFTER_TIME] !== '"')
    return null
  const requestIdAt = endOf(BEFORE_REQUEST_ID, text, AFTER_TIME)
  if (requestIdAt === null || !isAt(WHOLE_ID, text, ID_AT) || !isAt(WHOLE_ID, text, requestIdAt)) return null
  const agentAt = endOf(BEFORE_AGENT, text, requestIdAt + 36)
  if (agentAt === null) return null
  VALUES.lastIndex = agentAt
  const values = VALUES.exec(text)
  const id = text.slice(ID_AT, AFTER_ID)
  const time = text.slice(TIME_AT, AFTER_TIME)
  if (values === null || timeIn(id) !== time) return null
  const [, ...parts] = values
  const requestId = text.slice(requestIdAt, requestIdAt + 36)
  const [before, middle] = [text.slice(AFTER_TIME, requestIdAt), text.slice(requestIdAt + 36, agentAt)]
  return { context: `${before}\t${middle}\t${text.slice(VALUES.lastIndex)}`, id, time, requestId, parts }
}

/** The text with a tab in place of each value. */
export function templateOf(context: string): string {
  const [before, middle, after] = context.split('\t')
  return [BEFORE_ID, BEFORE_TIME, before, middle, ...BETWEEN, after].join('\t')
}

function endOf(part: string, text: string, from: number): number | null {
  const at = text.indexOf(part, from)
  return at < 0 ? null : at + part.length
}

function isAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at
  return pattern.test(text)
}

/** The text again, as the view of the database makes it. `parts`: separated by tabs. */
export function joinRequest(
  template: string,
  {
    id,
    time,
    requestId,
    parts,
  }: Pick<SplitRequest, 'id' | 'time' | 'requestId'> & { readonly parts: string },
): string {
  const pieces = template.split('\t')
  const values = [id, time, requestId, ...parts.split('\t', PARTS)]
  let text = pieces[0] ?? ''
  for (let at = 0; at < 3 + PARTS; at += 1) text += `${values[at] ?? ''}${pieces[at + 1] ?? ''}`
  return text
}

let knownPrefix = ''
let knownTime = ''

/** RFC 3339 with milliseconds. */
function timeIn(id: string): string {
  const prefix = id.slice(0, 13)
  if (prefix !== knownPrefix) {
    knownTime = new Date(millisecondsIn(id)).toISOString()
    knownPrefix = prefix
  }
  return knownTime
}

/** The Unix time in a UUID version 7 (RFC 9562, 5.7). */
export const millisecondsIn = (id: string): number => Number.parseInt(id.slice(0, 13).replace('-', ''), 16)

/** Whether it is spelled like the request ids in the column of type `uuid`. */
export const isRequestId = (text: string): boolean => new RegExp(`^${UUID}$`).test(text)
