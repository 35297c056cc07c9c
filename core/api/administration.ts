import type { TObject, TSchema } from 'typebox'
import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Actor } from './audit.ts'
import type { AuthorityName } from './certificate-authorities.ts'
import type { Preconditions, Resource } from './resource.ts'
import type { RunningChange } from './sessions.ts'
import type { SignIn, User } from './users.ts'

/** An app without the id that the catalog gives it. */
export interface AppInput extends Omit<App, 'id'> {
  /** New values of `headers.request.secret`, by name as spelled there. */
  readonly headerSecrets?: Readonly<Record<string, string>>
}

/** Registers, changes and removes apps, expired ones included. */
export interface AppAdministration {
  /** All apps, also those that have expired, sorted by name. */
  registered(): readonly App[]
  /** JSON Schema of `spec` in documents. */
  readonly spec: TObject
  /** JSON Schemas of the parts of `spec.plugins`, by the name of the plugin. */
  readonly appConfigs: Readonly<Record<string, TSchema>>
  /** Reads a document; `name` is the name that it must have. Throws `Problem` 400 `resource_invalid` with all faults. */
  read(document: unknown, name?: string): AppInput
  /** The complete document of an app, which `read` accepts. Preconditions are about its `entityTags.of`. */
  documentOf(app: App): Resource<object>
  /** Throws `Problem` 400 `resource_invalid` or 409 `public_addr_taken` if the app could not be stored by this caller. */
  check(input: AppInput, by: Actor): void
  /**
   * Creates or replaces an app; a replaced app keeps its id. With `create`, throws 409 `app_exists` if it exists. Throws 412
   * `changed_meanwhile` if `preconditions` are not met.
   */
  put(
    input: AppInput,
    mode: 'create' | 'put',
    actor: Actor | null,
    preconditions?: Preconditions,
  ): Promise<{ readonly created: boolean; readonly app: App }>
  /** Changes one app. Throws `Problem` 404 `app_not_found`. */
  change(name: string, next: (app: App) => AppInput, actor: Actor): Promise<App>
  /** Resolves to the app as it was; its sessions are not ended. */
  remove(name: string, actor: Actor): Promise<App>
  /** Connects an agent to an app, which need not be registered, and closes the connection; no byte is sent. Never rejects. */
  probe(app: App, hostname: string): Promise<ProbeResult>
}

/** Whether an agent reached an app, after how many milliseconds, and otherwise the reason code with a sentence. */
export interface ProbeResult {
  readonly ok: boolean
  readonly reason: string | null
  readonly error: string | null
  readonly ms: number
}

/** Who holds a new name from the start, instead of the first identity that presents it. */
export interface NewHolder extends Pick<SignIn, 'issuer' | 'sub' | 'connector'> {
  /** Part of the change; if it throws, there is no user. */
  within(change: RunningChange): Promise<void>
}

/** Creates, changes and removes users. */
export interface UserAdministration {
  /** Throws `Problem` 409 `user_exists` and 400 `user_name_invalid`. */
  create(name: string, roles: readonly string[], actor: Actor, holder?: NewHolder): Promise<User>
  /**
   * Replaces the assigned roles. `preconditions` are about `entityTags.of(JSON.stringify(user.ownRoles))`. Throws `Problem`
   * 404, 409 `last_admin` or `self_lockout`, and 412 `changed_meanwhile`.
   */
  update(name: string, roles: readonly string[], actor: Actor, preconditions?: Preconditions): Promise<User>
  /** Drops the roles that were mapped at the last sign-in; the next one maps them again. Throws like `update`. */
  dropMapped(name: string, actor: Actor): Promise<User>
  /**
   * Releases the name to the next identity that presents it, and ends the sessions and API tokens of the former identity in
   * the same change.
   */
  relink(name: string, actor: Actor): Promise<User & { readonly endedSessions: number }>
  /** Removes the user, and ends the sessions of the user and the API tokens that the user has created in the same change. */
  remove(name: string, actor: Actor): Promise<User & { readonly endedSessions: number }>
}

/** A join token, without its secret. */
export interface JoinToken {
  readonly id: string
  /** The only host name that may join with it, or null. */
  readonly agent_hostname: string | null
  readonly created: Date
  readonly expires: Date
  readonly used_at: Date | null
}

/** Creates and removes join tokens, of which the cluster stores only a hash. */
export interface JoinTokenAdministration {
  /** Resolves to the only copy of the secret. Throws `Problem` 400 `hostname_invalid`. */
  create(input: {
    readonly agentHostname: string | null
    readonly ttlMs: number
    readonly by: Actor
  }): Promise<{ readonly id: string; readonly token: string }>
  list(): Promise<readonly JoinToken[]>
  /** False if there is no such token. */
  remove(id: string, by: Actor): Promise<boolean>
}

/** A step of a rotation; each requires the one before it. */
export type RotationStep = 'start' | 'switch' | 'finish' | 'rollback'

/**
 * The phase of a rotation. `started`: a new key is published and trusted but does not sign yet. `switched`: the new key
 * signs, and certificates signed by the old one are still valid.
 */
export type RotationPhase = 'standby' | 'started' | 'switched'

/** An agent, login or join token that the next step would lock out. */
export interface Waiting {
  readonly kind: 'agent' | 'login' | 'join-token'
  /** Host name, user name or id. */
  readonly name: string
  /** When its credential expires anyway, in milliseconds since the epoch. */
  readonly until: number
}

/** Rotates the certificate authorities of the cluster. */
export interface AuthorityAdministration {
  /** The phase, and the steps that are possible in it. */
  phaseOf(name: AuthorityName): { readonly phase: RotationPhase; readonly steps: readonly RotationStep[] }
  /** Agents and join tokens that the next step would lock out. */
  waiting(name: AuthorityName): Promise<readonly Waiting[]>
  /**
   * Takes one step, whoever it locks out. When it resolves, the step is in effect on this hub; the others follow within a
   * second. Throws `Problem` 409 `rotation_phase` when the step is not possible now.
   */
  rotate(name: AuthorityName, step: RotationStep, by: Actor): Promise<void>
}

/**
 * The changes that administrators make to what the hub itself keeps. Each is one change with its audit event, and checks
 * again that its actor may still make it. Who has this service can give access to anything.
 */
export interface Administration {
  readonly apps: AppAdministration
  readonly users: UserAdministration
  readonly joinTokens: JoinTokenAdministration
  readonly authorities: AuthorityAdministration
}

/** The changes that administrators make. */
export const administration = serviceRef<Administration>('administration')
