import type { TLSSocket } from 'node:tls'
import type { Callers, PresentedRequest } from '../../api/access.ts'
import type { Caller } from '../../api/admission.ts'
import type {
  Bots,
  CertificateCredential,
  CertifiedCaller,
  CookieCredential,
  Credential,
  CredentialDocument,
  CredentialPlace,
  CredentialRefusal,
  CredentialRequest,
  HeaderCredential,
} from '../../api/credentials.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { readCookie } from '../../wire/cookie.ts'
import { hubSession } from './hub-session.ts'

/** How long an entry may take to recognise a credential, in milliseconds. */
const DEADLINE_MS = 2_000

type Eventually<T> = T | Promise<T>
const AMBIGUOUS: Caller = { kind: 'refused', status: 400, code: 'credentials_ambiguous' }
const FAILED: Caller = { kind: 'refused', status: 401, code: 'credential_failed' }

/** A cookie of the hub's own host that stands for a caller. */
export interface ApiCookie {
  readonly token: string
  readonly who: Caller
}

export interface RunningCallers extends Callers {
  /** Registers the entries. Throws `MEZ_SERVICE_TWICE` if two have the same name, cookie or document. */
  open(entries: readonly Credential[]): void
  /**
   * The credential in the `Cookie` header of a request to the hub's own host, with the caller that it stands for; null if no
   * entry recognises one.
   */
  ofApiCookie(header: string | undefined): ApiCookie | null
  /** The caller of a bearer token at the API; null if no entry recognises it. */
  ofApi(request: CredentialRequest, token: string): Eventually<Caller | null>
  /** The accounts of programs, of all entries. */
  bots(): readonly Bots[]
}

/** Recognises callers by the hub's own entry and those of the slot `credentials`. */
export function createCallers({ log }: { readonly log: Log }): RunningCallers {
  const cookies: Readonly<Record<CredentialPlace, CookieCredential[]>> = { app: [], api: [] }
  const taken = new Set<string>()
  const certificates: CertificateCredential[] = []
  const documents = new Map<string, CredentialDocument>()
  const challenging: HeaderCredential[] = []
  const bots: Bots[] = []
  const byHeader: Readonly<Record<CredentialPlace, Map<string, HeaderCredential[]>>> = {
    app: new Map(),
    api: new Map(),
  }
  let headers: ReadonlySet<string> | null = null

  function open(entries: readonly Credential[]): void {
    const take = (what: string) => {
      if (taken.has(what)) throw new MezError('MEZ_SERVICE_TWICE', `two plugins register the ${what}`)
      taken.add(what)
    }
    for (const entry of entries) {
      take(`credential "${entry.name}"`)
      if (entry.bots) bots.push(entry.bots)
      if (entry.from === 'cookie') {
        take(`cookie "${entry.cookie}"`)
        cookies[entry.at].push(entry)
      } else if (entry.from === 'certificate') certificates.push(entry)
      else {
        const map = byHeader[entry.at]
        for (const name of entry.headers) map.set(name, [...(map.get(name) ?? []), entry])
        if (entry.challenge) challenging.push(entry)
        if (!entry.document) continue
        take(`document ${entry.document.path}`)
        documents.set(entry.document.path, entry.document)
      }
    }
    if (byHeader.app.size > 0) headers = new Set(byHeader.app.keys())
  }

  /** An entry that fails refuses the request: what it did not recognise may be a credential that is not for the app. */
  function failed({ name }: Credential, error: unknown): Caller {
    log.error({ credential: name, cause: messageOf(error) }, 'a credential could not be read')
    return FAILED
  }

  function inCookie(at: CredentialPlace, header: string | undefined): ApiCookie | null {
    for (const entry of cookies[at]) {
      const value = readCookie(header, entry.cookie)
      if (value === undefined) continue
      try {
        const who = entry.read(value)
        if (who !== null) return { token: value, who }
      } catch (error) {
        return { token: value, who: failed(entry, error) }
      }
    }
    return null
  }

  const ofCookie = ({ cookies: lines }: PresentedRequest): Caller | null =>
    inCookie('app', lines.length === 1 ? lines[0] : lines.join(';'))?.who ?? null

  function readLine(
    entry: HeaderCredential,
    header: string,
    value: string,
    request: CredentialRequest,
  ): Eventually<Caller | null> {
    const hiding = (who: Caller | null): Caller | null =>
      who === null || who.kind === 'refused' || who.kind === 'verified'
        ? who
        : { ...who, hides: [header, ...(who.hides ?? [])] }
    try {
      const found = entry.read(value, request)
      if (!(found instanceof Promise)) return hiding(found)
      return inTime(found).then(hiding, (error) => failed(entry, error))
    } catch (error) {
      return failed(entry, error)
    }
  }

  function ofHeaders(
    at: CredentialPlace,
    lines: readonly string[],
    request: CredentialRequest,
  ): Eventually<readonly Caller[]> {
    const found: Eventually<Caller | null>[] = []
    for (let i = 0; i + 1 < lines.length; i += 2)
      for (const entry of byHeader[at].get(lines[i] as string) ?? [])
        found.push(readLine(entry, lines[i] as string, lines[i + 1] as string, request))
    const known = (all: readonly (Caller | null)[]) => all.filter((who) => who !== null)
    return found.some((one) => one instanceof Promise)
      ? Promise.all(found).then(known)
      : known(found as (Caller | null)[])
  }

  open([hubSession])
  return {
    open,
    ofApiCookie: (header) => inCookie('api', header),
    bots: () => bots,
    get headers() {
      return headers
    },

    ofRequest(request, certified = null) {
      if (request.proofs.length === 0) return certified ?? ofCookie(request)
      const choose = (found: readonly Caller[]): Caller | null => {
        if (found.length > 1 || (found.length > 0 && certified !== null)) return AMBIGUOUS
        return found[0] ?? certified ?? ofCookie(request)
      }
      const found = ofHeaders('app', request.proofs, readable(request))
      return found instanceof Promise ? found.then(choose) : choose(found)
    },

    ofApi(request, token) {
      const choose = (found: readonly Caller[]): Caller | null =>
        found.length > 1 ? AMBIGUOUS : (found[0] ?? null)
      const found = ofHeaders('api', ['authorization', `Bearer ${token}`], request)
      return found instanceof Promise ? found.then(choose) : choose(found)
    },

    ofCertificate(socket: TLSSocket): CertifiedCaller | null {
      const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
      if (certificate === undefined) return null
      for (const entry of certificates) {
        try {
          const who = entry.read(certificate)
          if (who !== null) return who
        } catch (error) {
          failed(entry, error)
        }
      }
      return null
    },

    challenges(refusal: CredentialRefusal) {
      const all: string[] = []
      for (const entry of challenging) {
        try {
          const text = entry.challenge?.(refusal) ?? null
          if (text !== null) all.push(text)
        } catch (error) {
          failed(entry, error)
        }
      }
      return all
    },

    documentAt: (path) => documents.get(path),
  }
}

const inTime = <T>(work: Promise<T>): Promise<T> =>
  withDeadline(
    () => work,
    DEADLINE_MS,
    (ms) => new Error(`it took longer than ${ms} ms`),
  )

/** The request as an entry may read it: only headers that carry credentials. */
function readable({
  method,
  target,
  host,
  clientIp,
  lines = [],
  proofs,
}: PresentedRequest): CredentialRequest {
  return {
    method,
    url: `https://${host.host}${host.port === null ? '' : `:${host.port}`}${target}`,
    clientIp,
    get userAgent() {
      const at = lines.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'user-agent')
      return at === -1 ? '' : (lines[at + 1] ?? '')
    },
    header: (name) => proofs.filter((_, i) => i % 2 === 1 && proofs[i - 1] === name),
  }
}
