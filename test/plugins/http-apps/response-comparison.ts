import { type AnswerBytes, type Reading, readNodes, readOurs } from './response-reader.ts'

/** Where ours refuses what Node.js reads: the words of the refusal, and what must be so in the bytes. */
const stricter: readonly [says: RegExp, may: (head: string, all: string) => boolean][] = [
  [/status line/, (head) => !/^HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n|$)/.test(head)],
  [
    /transfer coding/,
    (head) =>
      /^HTTP\/1\.0/.test(head) ||
      [...head.matchAll(/^transfer-encoding:(.*)$/gim)].some(
        ([, coding], i) => i > 0 || !/^ *chunked *\r?$/i.test(coding ?? ''),
      ),
  ],
  [/invalid length/, (head) => /^content-length:[ \t]*\d{16,}/im.test(head)],
  [/chunk size/, (_head, all) => /^0{5,}|;[^\r\n]*=[;\r]|;;/m.test(all)],
  [/bytes follow/, () => true],
]

function explained(says: string, all: string): boolean {
  const heads: string[] = []
  let rest = all
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    heads.push(end < 0 ? rest : rest.slice(0, end))
    // An interim answer has no body, whatever it says.
    if (end < 0 || !/^HTTP\/1\.1 1/.test(rest)) break
    rest = rest.slice(end + 4)
  }
  return stricter.some(([pattern, may]) => pattern.test(says) && heads.some((head) => may(head, all)))
}

/** Null when ours agrees with Node.js or is stricter for a reason that is listed. */
function difference(ours: Reading, nodes: Reading, all: string): string | null {
  if (nodes.fault !== null) return ours.fault === null ? `Node.js refuses (${nodes.fault}), ours reads` : null
  if (ours.fault !== null) return explained(ours.fault, all) ? null : `ours refuses: ${ours.fault}`
  for (const key of ['interim', 'status', 'reason', 'lines', 'body', 'trailers'] as const) {
    const [mine, theirs] = [JSON.stringify(ours[key]), JSON.stringify(nodes[key])]
    if (mine !== theirs) return `${key}: ours ${mine}, Node.js ${theirs}`
  }
  return null
}

/** Null when both clients read it alike, or ours refuses for a reason that is listed. */
export async function compareAnswer(bytes: AnswerBytes): Promise<string | null> {
  return difference(readOurs(bytes), await readNodes(bytes), bytes.chunks.join(''))
}
