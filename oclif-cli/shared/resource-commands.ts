import * as Args from '@oclif/core/args'
import type { Command } from '@oclif/core/command'
import { type Column, GetCommand, ListCommand, RemoveCommand } from './admin-command.ts'
import { fileFlags, PutCommand } from './document-upload.ts'
import type { ResourceDocument } from './documents.ts'
import { type HubClient, path } from './hub-client.ts'

/** The words for the keys of resources. */
const KEY_WORDS = { name: 'Name', id: 'Id', hostname: 'Host name' } as const

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
  readonly ls: {
    readonly summary: string
    readonly columns: readonly Column<T>[]
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
}

/** The usual commands of a resource by their oclif id: `roles:ls`, `roles:get`, `roles:rm`, `roles:create`. @public */
export function resourceCommands<T>(definition: ResourceCommands<T>): Record<string, Command.Class> {
  const { topic, collection = `/${topic}`, noun, key = 'name', ls, get, rm, create } = definition
  const args = { [key]: Args.string({ required: true, description: `${KEY_WORDS[key]} of the ${noun}` }) }
  const target = (one: string) => collection + path`/${one}`

  class Ls extends ListCommand {
    static override summary = ls.summary

    async run(): Promise<void> {
      const { flags } = await this.parse(Ls)
      await this.list<T>(flags, { path: collection, ...ls })
    }
  }
  class Get extends GetCommand {
    static override summary = get ?? ''
    static override args = args

    protected target(one: string): string {
      return target(one)
    }
  }
  class Rm extends RemoveCommand {
    static override summary = rm?.summary ?? ''
    static override args = args

    protected removal(one: string) {
      const { verb = 'Remove', effect } = rm!
      return {
        method: 'DELETE',
        path: target(one),
        question: `${verb} ${noun} ${one}? ${effect}`,
        done: `${verb}d ${noun} ${one}.`,
        result: { [key]: one, removed: true },
      }
    }
  }
  class Create extends PutCommand {
    static override summary = create?.summary ?? ''
    static override description = create?.description ?? ''
    static override flags = fileFlags(create?.kind ?? '')

    async run(): Promise<void> {
      const { flags } = await this.parse(Create)
      const { kind, check } = create!
      await this.put(flags, flags['from-file'], { kind, noun, collection, check })
    }
  }
  return {
    ...(create && { [`${topic}:create`]: Create }),
    [`${topic}:ls`]: Ls,
    ...(get && { [`${topic}:get`]: Get }),
    ...(rm && { [`${topic}:rm`]: Rm }),
  }
}
