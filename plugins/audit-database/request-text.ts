/** The event of a request, cut into what it shares with others of the same session and app, and its own values. */
export interface SplitRequest {
  /** The text with a tab in place of each value. */
  readonly template: string
  readonly id: string
  readonly time: string
  readonly requestId: string
  /** The other values in the order of the text, separated by tabs. */
  readonly parts: string
}

/** Values besides id, time and id of the request. */
const PARTS = 7
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
/** JSON contains no control characters, so a tab separates. */
const ANY = '[^\\x00-\\x1f]*?'
const TEXT = '(?:[^"\\\\\\x00-\\x1f]|\\\\[^\\x00-\\x1f])*'
const NUMBER = '[0-9]+|null'

/** Groups alternate between shared text and values. */
const REQUEST = new RegExp(
  [
    `^(\\{"id":")(${UUID})(","type":"app\\.request","time":")([0-9TZ:.-]{24})`,
    `("${ANY},"request_id":")(${UUID})(",${ANY},"agent":)(null|"${TEXT}")(,"method":")(${TEXT})`,
    `(","path":")(${TEXT})(","status":)(${NUMBER})(,"bytes_in":)(${NUMBER})(,"bytes_out":)(${NUMBER})`,
    `(,"duration_ms":)([0-9]+(?:,"[a-z_]+_ms":[0-9]+)*)(${ANY})$`,
  ].join(''),
)

/**
 * Cuts the JSON text of an `app.request`. Interleaving the template with the values gives the text again, whatever it
 * contains. Null: the text has another shape, or its time is not the one in its id.
 */
export function splitRequest(text: string): SplitRequest | null {
  const groups = REQUEST.exec(text)
  if (groups === null) return null
  const shared: string[] = []
  const values: string[] = []
  for (let at = 1; at < groups.length; at += 1) (at % 2 === 1 ? shared : values).push(groups[at]!)
  const [id, time, requestId, ...parts] = values as [string, string, string, ...string[]]
  if (timeIn(id) !== time) return null
  return { template: shared.join('\t'), id, time, requestId, parts: parts.join('\t') }
}

/** The text again, as the view of the database makes it. */
export function joinRequest({ template, id, time, requestId, parts }: SplitRequest): string {
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
