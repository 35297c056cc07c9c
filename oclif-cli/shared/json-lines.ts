import { CliError } from './cli-error.ts'

const LONGEST_LINE = 1024 * 1024

/** The lines of a byte stream as they arrive, split only at LF. A line over 1 MiB throws. */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE) throw new CliError('MEZ_HUB_UNEXPECTED', 'the hub sent an endless line')
    yield* lines
  }
  if (rest !== '') yield rest
}
