/** What the parent sends to a process of its group. Sockets travel beside the message. */
export type ToMember =
  /** The listening socket for a configuration key; each process accepts from the same one. */
  | { readonly kind: 'socket'; readonly key: string }
  /** All sockets were sent. `port`: the public port. */
  | { readonly kind: 'start'; readonly port: number }
  /** Accept connections of the public port from this socket too. */
  | { readonly kind: 'accept'; readonly slot: number }
  /** Stop accepting from this socket. */
  | { readonly kind: 'release'; readonly slot: number }
  /** Ids of the other hubs of the group that agents can link to. */
  | { readonly kind: 'siblings'; readonly ids: readonly string[] }
  /** A connection of an agent that names this hub; `head`: its bytes so far, in base64. */
  | { readonly kind: 'connection'; readonly head: string }
  /** Another process asks for this one's contribution. */
  | { readonly kind: 'question'; readonly call: number; readonly topic: string; readonly query: string }
  /** The contributions of the others. */
  | { readonly kind: 'answers'; readonly call: number; readonly answers: readonly unknown[] }
  /** Drain and exit. `alone`: the other processes go on, so that balancers need not notice. */
  | { readonly kind: 'stop'; readonly alone: boolean }

/** What a process of the group sends to its parent. */
export type ToParent =
  | { readonly kind: 'ready'; readonly id: string }
  /** How many agents are linked. */
  | { readonly kind: 'links'; readonly count: number }
  | { readonly kind: 'accepting'; readonly slot: number }
  /** Accepts no more connections anywhere, and its internal port is free. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'connection'; readonly to: string; readonly head: string }
  | { readonly kind: 'question'; readonly call: number; readonly topic: string; readonly query: string }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown }
