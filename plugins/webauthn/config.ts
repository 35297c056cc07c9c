import { type Static, Type } from '@mezite/core'

/** `plugins: webauthn:` in mezhub.yaml. */
export const WebauthnConfig = Type.Closed({
  /** The people who may add the first passkey of a person of an identity provider. */
  first_key: Type.Optional(Type.OneOf(['self', 'admin'], { default: 'self' })),
  /** Conditions for `hardware_key`: an attestation that leads to one of the roots. */
  hardware_key: Type.Optional(
    Type.Closed({
      /** Files with PEM certificates. */
      roots: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { maxItems: 100 })),
      /** Only these models; if omitted, every model below the roots. */
      aaguids: Type.Optional(
        Type.Array(Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }), {
          maxItems: 1_000,
        }),
      ),
    }),
  ),
})

export type WebauthnSettings = Static<typeof WebauthnConfig>
