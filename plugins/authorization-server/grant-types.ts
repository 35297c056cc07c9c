import type Provider from 'oidc-provider'

/**
 * The one place where grant types beside those of the library are registered (`Provider.registerGrantType`), for every
 * instance of the library: a robot's client authentication and token exchange belong here.
 */
export function registerGrantTypes(_provider: Provider): void {}
