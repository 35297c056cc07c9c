import * as Args from '@oclif/core/args'
import type { Command } from '@oclif/core/command'
import type * as Interfaces from '@oclif/core/interfaces'
import { AdminCommand, yesFlag } from './admin-command.ts'
import { showYaml } from './base-command.ts'
import { fileFlags, PutCommand } from './document-upload.ts'
import type { ResourceDocument } from './documents.ts'
import { type HubClient, path } from './hub-client.ts'
import { ListCommand } from './list-command.ts'
import { type Arrangement, listFlags } from './list-flags.ts'
import { keyOf } from './name-suggestions.ts'
import { cutText, type Flat, listOf, type Resource } from './resource.ts'
import { confirm } from './terminal.ts'
import { escapeText } from './text-escaping.ts'

/** The words for the keys of resources. */
const KEY_WORDS = { name: 'Name', id: 'Id', hostname: 'Host name' } as const

/** A command with one argument, which identifies a resource, and with one request. @public */
export interface ResourceAction<T> {
  readonly summary: string
  readonly description?: string
  readonly examples?: readonly string[]
  /** Their values are the members of the body. */
  readonly flags?: Interfaces.FlagInput
  /** Default: `POST`. */
  readonly method?: 'POST' | 'DELETE'
  /** Below the path of the resource. Default: `/` and the verb. */
  readonly path?: string
  /** Asked on a terminal, such as `Disable app grafana?`; without it, the command asks nothing and has no `--yes`. */
  readonly question?: (key: string) => string
  /** Printed afterwards, before the connections that were cut. */
  readonly done: (key: string, response: T) => string
  /** The result in JSON and YAML if the hub responds without a body. */
  readonly result?: (key: string) => Readonly<Record<string, unknown>>
}

/** What the usual commands of a resource say about it. @public */
export interface ResourceCommands<T> {
  /** The first word of the commands: `roles`. */
  readonly topic: string
  /** The path below `/v1/webapi`. Default: `/` and the topic. */
  readonly collection?: string
  /** For people: `join token`. */
  readonly noun: string
  /** The member that identifies one, and the argument of the commands. Default: `name`. */
  readonly key?: 'name' | 'id' | 'hostname'
  /** A key for the examples in the help: `grafana`. Default: `NAME`, by the key. */
  readonly example?: string
  readonly ls: Arrangement<T> & {
    readonly summary: string
    /** Default: one with `--q`. */
    readonly examples?: readonly string[]
    /** Their values are the query. */
    readonly filters?: Interfaces.FlagInput
    /** Lines below the table. */
    readonly below?: (objects: readonly T[]) => readonly string[]
    /** Printed instead of an empty table: the next step. */
    readonly empty: string
  }
  /** The summary of `get`; without it there is no such command. */
  readonly get?: string
  readonly rm?: {
    readonly summary: string
    /** Default: `Remove`. */
    readonly verb?: 'Remove' | 'Revoke'
    /** What the person is asked to accept, after `Remove role NAME?`. */
    readonly effect: string
  }
  /** `create --from-file`: creates or replaces the documents of a file. */
  readonly create?: {
    readonly summary: string
    readonly description: string
    /** `kind` of the documents. */
    readonly kind: string
    /** Problems with the names in the documents. */
    readonly check: (client: HubClient, documents: readonly ResourceDocument[]) => Promise<string[]>
  }
  /** Further commands by their verb. */
  readonly actions?: Readonly<Record<string, ResourceAction<T>>>
}

/** The usual commands of a resource by their oclif id: `roles:ls`, `roles:get`, `roles:rm`, `roles:create`. @public */
export function resourceCommands<T>(definition: ResourceCommands<T>): Record<string, Command.Class> {
  const { topic, collection = `/${topic}`, noun, key = 'name', ls, get, rm, create, actions } = definition
  const command = '<%= config.bin %> <%= command.id %>'
  const { example = key.toUpperCase() } = definition
  const examples = [`${command} ${example}`]
  const args: Interfaces.ArgInput = {
    [key]: Args.string({ required: true, description: `${KEY_WORDS[key]} of the ${noun}` }),
  }
  const target = (one: string) => collection + path`/${one}`
  const { baseFlags } = AdminCommand

  class Ls extends ListCommand {
    static override summary = ls.summary
    static override examples = [...(ls.examples ?? [`${command} --q ${example}`])]
    static override flags: Interfaces.FlagInput = { ...ls.filters, ...listFlags(ls) }
    /** For completion: the argument that is one of the names. */
    static key = key
    static names = async (client: HubClient) =>
      listOf<Resource & Flat>(await client.call('GET', collection)).map(keyOf)

    async run(): Promise<void> {
      const { flags } = await this.parse({ flags: Ls.flags, baseFlags })
      const query = Object.fromEntries(Object.keys(ls.filters ?? {}).map((name) => [name, flags[name]]))
      const noMatch = `No ${noun}s match. To list all of them: mezctl ${topic} ls`
      await this.list<T>(flags, { ...ls, path: collection, query, noMatch })
    }
  }
  class Get extends AdminCommand {
    static override summary = get ?? ''
    static override examples = examples
    static override args = args

    async run(): Promise<void> {
      const { args: given, flags } = await this.parse({ args, baseFlags })
      const object = await this.call(flags, 'GET', target(given[key]))
      await this.show(flags, object, () => showYaml(object))
    }
  }
  class Create extends PutCommand {
    static override summary = create?.summary ?? ''
    static override description = create?.description ?? ''
    static override examples = [`${command} --from-file ${topic}.yaml`]
    static override flags = fileFlags(create?.kind ?? '')

    async run(): Promise<void> {
      const { flags } = await this.parse(Create)
      const { kind, check } = create!
      await this.put(flags, flags['from-file'], { kind, noun, collection, check })
    }
  }
  const actionClass = (verb: string, action: ResourceAction<T>) => {
    const { method = 'POST', path: below = `/${verb}`, question, done, result, flags: fields } = action
    return class extends AdminCommand {
      static override summary = action.summary
      static override description = action.description
      static override examples = [...(action.examples ?? examples)]
      static override args = args
      static override flags: Interfaces.FlagInput = { ...fields, ...(question && yesFlag) }

      async run(): Promise<void> {
        const own = (this.constructor as typeof AdminCommand).flags
        const { args: given, flags } = await this.parse({ args, flags: own, baseFlags })
        const one: string = given[key]
        if (question) await confirm(question(one), flags.yes)
        const members = Object.keys(fields ?? {}).map((name) => [name, flags[name]])
        const body = Object.fromEntries(members.filter(([, value]) => value !== undefined))
        const response = await this.call(flags, method, target(one) + below, fields ? { body } : {})
        await this.show(flags, response ?? result?.(one), () =>
          escapeText(done(one, response as T) + cutText(response)),
        )
      }
    }
  }
  const removal = (): ResourceAction<T> => {
    const { summary, verb = 'Remove', effect } = rm!
    return {
      summary,
      method: 'DELETE',
      path: '',
      question: (one) => `${verb} ${noun} ${one}? ${effect}`,
      done: (one) => `${verb}d ${noun} ${one}.`,
      result: (one) => ({ [key]: one, removed: true }),
    }
  }
  const all = { ...(rm && { rm: removal() }), ...actions }
  return {
    ...(create && { [`${topic}:create`]: Create }),
    [`${topic}:ls`]: Ls,
    ...(get && { [`${topic}:get`]: Get }),
    ...Object.fromEntries(
      Object.entries(all).map(([verb, action]) => [`${topic}:${verb}`, actionClass(verb, action)]),
    ),
  }
}
