/**
 * Reads the TAP stream of a whole run: a line for each file as it ends, and of the files
 * that failed only what failed, to be shown once more at the very end, where it is looked for.
 */
export class TestReport {
  readonly #print: (line: string) => void
  #block: string[] = []
  #failures: string[] = []

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  /** Takes the next line of TAP, without its newline. */
  line(line: string): void {
    if (/^(not )?ok \d+/.test(line)) {
      this.#print(line)
      if (line.startsWith('not ok')) this.#failures.push(...this.#block.filter(tellsOfFailure), line)
      this.#block = []
      return
    }
    // Comments and a runner's own complaints stand at the margin; a file's own block is indented.
    if (/^\s/.test(line)) this.#block.push(line)
    else if (line.startsWith('# Subtest: ')) this.#block = [line]
    else if (line !== '' && !/^(TAP version|\d+\.\.\d+)/.test(line)) this.#print(line)
  }

  /** What failed, file by file, with its diagnosis; what a file left unfinished counts too. */
  failures(): readonly string[] {
    return [...this.#failures, ...this.#block.filter(tellsOfFailure)]
  }
}

const tellsOfFailure = (line: string): boolean =>
  line.trim() !== '' && !/^\s*(ok \d+|\d+\.\.\d+|# time=|# Subtest: .* # time)/.test(line)
