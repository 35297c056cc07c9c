/**
 * A random search for escalations: people with some rights make changes on a real hub, and after each path of up to three changes the
 * documents say who gained a right of administration that none of those who acted had. A path that is found is made shorter.
 */
import { CHANGES, nextStep, type Step } from './changes.ts'
import type { SearchCluster } from './cluster.ts'
import { ALL, cellsOf, type Documents, LABELLED, readDocuments } from './documents.ts'
import { Draw } from './draw.ts'
import { PEOPLE } from './drawn-documents.ts'
import { gainsOf, hasSome, type Judge, KINDS_OF_RIGHTS, noteThing, rowsOf } from './judge.ts'

/** Changes of one path: what the rule speaks of. */
const PATH = 3
/** Paths from one beginning. */
const PATHS = 40
/** Attempts to find a shorter path. */
const REPLAYS = 80

/** What a search has done so far. */
export interface SearchCounts {
  steps: number
  /** By kind of change: how many were made. */
  readonly made: Map<string, number>
  /** Answers of the hub to people about their own rights that agreed with the documents. */
  probes: number
}

/** Throws an error that has the seed and the shortest path, if somebody gains a right. */
export async function searchEscalations(
  cluster: SearchCluster,
  seed: number,
  goOn: (counts: SearchCounts) => boolean,
): Promise<SearchCounts> {
  const counts: SearchCounts = {
    steps: 0,
    made: new Map(Object.keys(CHANGES).map((kind) => [kind, 0])),
    probes: 0,
  }
  for (let beginning = seed; goOn(counts); beginning++) {
    const episode = new Episode(cluster, beginning, counts)
    await episode.begin()
    const draw = new Draw(beginning ^ 0x5eed)
    for (let at = 0; at < PATHS && goOn(counts); at++) {
      const gained = await episode.path(draw)
      if (gained.length > 0) throw new Error(await told(cluster, beginning, episode, gained))
      if (draw.chance(0.3)) await episode.probe(draw)
    }
  }
  return counts
}

interface Numbered extends Step {
  readonly at: number
  readonly path: string
  /** Of which path it is a step. */
  readonly of: number
}

class Episode {
  readonly steps: Numbered[] = []
  /** Numbers of the steps that changed something, or made a change wait. */
  readonly effective = new Set<number>()
  readonly #cluster: SearchCluster
  readonly #seed: number
  readonly #counts: SearchCounts | null
  readonly #ids = new Map<string, string>()
  readonly #tokens = new Map<string, string>()
  /** Who made the token, and with which roles; who asked for the change. */
  readonly #makers = new Map<string, { readonly by: string; readonly roles?: readonly string[] }>()
  readonly #made = new Map<string, number[]>()
  /** People whose session ended with their account. */
  readonly #gone = new Set<string>()
  #now!: Documents
  #paths = 0

  constructor(cluster: SearchCluster, seed: number, counts: SearchCounts | null) {
    this.#cluster = cluster
    this.#seed = seed
    this.#counts = counts
  }

  async begin(): Promise<void> {
    await this.#cluster.begin(new Draw(this.#seed))
    this.#now = await readDocuments(this.#cluster.hub.api)
  }

  /** Up to three changes that the draw chooses; resolves to what somebody gained by them and should not have. */
  async path(draw: Draw): Promise<readonly string[]> {
    const able = PEOPLE.filter((name) => !this.#gone.has(name) && this.#rightsOf(name).size > 0)
    const actor = able.length > 0 && draw.chance(0.9) ? draw.one(able) : draw.one(PEOPLE)
    const people = [actor, ...(draw.chance(0.4) ? [draw.one(able.length > 0 ? able : PEOPLE)] : [])]
    const steps: Numbered[] = []
    const judge = this.#judge()
    const held = new Map(people.map((who) => [who, this.#rightsOf(who)]))
    for (let n = 0; n < PATH; n++) {
      const tokens = this.#made.get('token.make') ?? []
      const who = draw.one(people)
      const own = tokens.filter((at) => this.#makers.get(`{${at}}`)?.by === who)
      const by = own.length > 0 && draw.chance(0.2) ? `{${draw.one(own)}}` : who
      const step = {
        ...nextStep(draw, this.#made, by, (right) => held.get(who)?.has(right) === true),
        at: this.steps.length + n,
        of: this.#paths,
      }
      steps.push(step)
      await this.#make(step, judge)
    }
    return this.#end(steps, judge)
  }

  /** The same steps once more. Resolves to what was gained by those of the last path. */
  async replay(steps: readonly Numbered[]): Promise<readonly string[]> {
    const paths = [...Map.groupBy(steps, ({ of }) => of).values()]
    let gained: readonly string[] = []
    for (const path of paths) {
      const judge = this.#judge()
      for (const step of path) await this.#make(step, judge)
      gained = await this.#end(path, judge)
    }
    return gained
  }

  /** Whether the hub says to somebody what the documents say about their rights. */
  async probe(draw: Draw): Promise<void> {
    const name = draw.one(PEOPLE)
    const holder = this.#now.holders.get(name)
    if (holder === undefined) return
    const { status, value } = await this.#cluster.call(name, 'GET', '/me/rights')
    // Somebody who was removed, and made again, is not signed in.
    if (status === 401) return
    const cells = cellsOf(this.#now, holder, rowsOf(this.#now.things), KINDS_OF_RIGHTS)
    const wrong = KINDS_OF_RIGHTS.filter((right) => {
      const forAll = cells.has(`${right} of ${right.split('.')[0]} ${ALL}`)
      return forAll !== (value[right] === 'all') || (value[right] === undefined && hasSome(cells, right))
    })
    if (wrong.length > 0)
      throw new Error(
        `seed ${this.#seed}: the hub and the documents differ about ${name}: ${wrong.join(', ')}`,
      )
    const things = [...this.#now.things.keys()]
    const thing = things.length === 0 ? null : draw.one(things)
    if (thing !== null) {
      const [kind, own] = thing.split(' ') as [keyof typeof LABELLED, string]
      const answer = await this.#cluster.call(name, 'GET', `${LABELLED[kind]}/${own}`)
      const isOpen = cells.has(`${kind}.read of ${thing}`)
      if (isOpen !== (answer.status === 200))
        throw new Error(
          `seed ${this.#seed}: ${name} ${isOpen ? 'may' : 'may not'} read ${thing}: ${answer.status}`,
        )
    }
    if (this.#counts) this.#counts.probes += 1
  }

  /** The rights that somebody has over something; `request` and `review`: whether some role lets them. */
  #rightsOf(name: string): ReadonlySet<string> {
    const holder = this.#now.holders.get(name)
    const cells = holder ? cellsOf(this.#now, holder, rowsOf(this.#now.things), KINDS_OF_RIGHTS) : []
    const asking = (['request', 'review'] as const).filter((side) =>
      holder?.roles.some((role) => this.#now.roles.get(role)?.allow?.[side] !== undefined),
    )
    return new Set([...[...cells].map((cell) => cell.split(' of ')[0]!), ...asking])
  }

  #judge(): Judge {
    return {
      before: this.#now,
      actors: new Map(),
      created: new Map(),
      given: [],
      approved: false,
      changed: false,
    }
  }

  async #make(step: Numbered, judge: Judge): Promise<void> {
    const reference = `{${step.at}}`
    const maker = this.#makers.get(step.by)
    const by = maker?.by ?? step.by
    judge.actors.set(step.by, maker?.roles === undefined ? { by } : { by, roles: maker.roles })
    const subject = /\{\d+\}/.exec(step.path)?.[0] ?? ''
    const asker = step.kind.startsWith('change.') ? this.#makers.get(subject) : undefined
    if (asker) judge.actors.set(asker.by, { by: asker.by })
    if (step.kind === 'request.approve') judge.approved = true
    const answer = await this.#cluster.make(step, { ids: this.#ids, tokens: this.#tokens })
    if (this.#counts) this.#counts.steps += 1
    if (answer.status < 300 || answer.code === 'approval_required') this.effective.add(step.at)
    if (answer.code === 'approval_required') {
      this.#remember('change that waits', step.at, answer.value.change)
      this.#makers.set(reference, { by })
    }
    if (answer.status >= 500)
      throw new Error(`seed ${this.#seed}: ${JSON.stringify(step)}: ${JSON.stringify(answer)}`)
    if (answer.status === 401) this.#gone.add(by)
    if (answer.status >= 300) return
    judge.changed = true
    this.#counts?.made.set(step.kind, (this.#counts.made.get(step.kind) ?? 0) + 1)
    if (typeof answer.value?.id === 'string') this.#remember(step.kind, step.at, answer.value.id)
    const { name: person = '' } = /^\/users\/(?<name>[^/]+)\/(mfa|relink)$/.exec(step.path)?.groups ?? {}
    const body = (step.body ?? {}) as { roles?: string[]; name?: string }
    if (step.kind === 'token.make') {
      this.#tokens.set(reference, answer.value.token)
      this.#makers.set(reference, { by, roles: body.roles ?? [] })
    }
    if (step.kind === 'link.make' || step.kind === 'user.relink') judge.given.push(person)
    if (step.kind === 'bot.secret') judge.given.push(`bot:${step.path.split('/')[2]}`)
    if (step.kind === 'invitation.make') judge.given.push({ name: body.name ?? '', roles: body.roles ?? [] })
    noteThing(step, answer, judge)
  }

  #remember(kind: string, at: number, id: string): void {
    this.#ids.set(`{${at}}`, id)
    this.#made.set(kind, [...(this.#made.get(kind) ?? []), at])
  }

  async #end(steps: readonly Numbered[], judge: Judge): Promise<readonly string[]> {
    this.steps.push(...steps)
    this.#paths += 1
    if (!judge.changed) return []
    this.#now = await readDocuments(this.#cluster.hub.api)
    return gainsOf(judge, this.#now)
  }
}

/** The message about a path, as short as replays make it. */
async function told(
  cluster: SearchCluster,
  seed: number,
  { steps, effective }: Pick<Episode, 'steps' | 'effective'>,
  gained: readonly string[],
): Promise<string> {
  let shortest: { readonly steps: readonly Numbered[]; readonly gained: readonly string[] } = {
    steps,
    gained,
  }
  let left = REPLAYS
  const attempt = async (fewer: readonly Numbered[]) => {
    left -= 1
    const episode = new Episode(cluster, seed, null)
    await episode.begin()
    const found = await episode.replay(fewer)
    if (found.length > 0) shortest = { steps: fewer, gained: found }
    return found.length > 0
  }
  const last = steps.at(-1)?.of
  // What the hub has refused changed nothing.
  await attempt(steps.filter(({ at, of }) => of === last || effective.has(at)))
  await attempt(steps.filter(({ of }) => of === last))
  for (
    let size = Math.ceil(shortest.steps.length / 2);
    size >= 1 && left > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let from = 0; from < shortest.steps.length && left > 0; ) {
      const fewer = shortest.steps.filter((_, at) => at < from || at >= from + size)
      if (fewer.length === 0 || !(await attempt(fewer))) from += size
    }
  const lines = shortest.steps.map(
    ({ at, by, method, path, body }) => `  {${at}} ${by} ${method} ${path} ${JSON.stringify(body ?? {})}`,
  )
  return `seed ${seed}: ${shortest.gained.join(' | ')}\n${lines.join('\n')}`
}
