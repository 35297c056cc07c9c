/** Members that a runtime looks up on any object. */
const ANYWHERE = ['then', 'toJSON', 'inspect']

/**
 * A frozen object with these members. Reading another one throws the error of `unknown`, unless it is null: the author of a plugin
 * then reads what to do, and not that undefined has no properties. Members are found as in every object; only what is missing
 * costs more.
 */
export function withKnownMembers<T extends object>(members: T, unknown: (name: string) => Error | null): T {
  const beyond = new Proxy(Object.freeze({}), {
    get(target, key, receiver) {
      const isAnywhere = typeof key === 'symbol' || key in target || ANYWHERE.includes(key)
      const error = isAnywhere ? null : unknown(key)
      if (error !== null) throw error
      return Reflect.get(target, key, receiver)
    },
  })
  return Object.freeze(Object.create(beyond, Object.getOwnPropertyDescriptors(members)))
}
