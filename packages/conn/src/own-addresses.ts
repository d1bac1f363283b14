import type { FeedId } from '@dunbar/core'
import { netAddress, type PeerAddress } from './address.js'
import { isLocalNetworkHost, isPublicHost } from './host.js'
import type { LocalAddress } from './udp.js'

/** Who an address is for. @source npm multiserver-scopes */
export type Scope = 'public' | 'local' | 'private' | 'device'

export interface OwnAddressesOptions {
  readonly id: FeedId
  readonly externalHosts: readonly string[]
  readonly allowsPrivate: boolean
  localAddresses(): readonly LocalAddress[]
}

/** Where a server listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Where this node can be reached, and by whom. */
export class OwnAddresses {
  readonly #options: OwnAddressesOptions
  #endpoint: Endpoint | null = null

  constructor(options: OwnAddressesOptions) {
    this.#options = options
  }

  setEndpoint(endpoint: Endpoint | null): void {
    this.#endpoint = endpoint
  }

  /** Multiserver addresses, joined by `;`; null where there is none. */
  text(scope: Scope, endpoint = this.#endpoint): string | null {
    const texts = this.#hosts(scope, endpoint).flatMap(
      (host) => this.#at(host, endpoint)?.text ?? [],
    )
    return texts.length === 0 ? null : texts.join(';')
  }

  /** The address for an invite, with this host in the place of what is known; null for none. */
  forInvite(given?: string): PeerAddress | null {
    const { allowsPrivate } = this.#options
    const scopes: readonly Scope[] = allowsPrivate ? ['public', 'local', 'device'] : ['public']
    const known = scopes.flatMap((scope) => this.#hosts(scope, this.#endpoint))
    const host = given ?? known[0]
    if (host === undefined || (!allowsPrivate && !isPublicHost(host))) return null
    return this.#at(host, this.#endpoint)
  }

  #at(host: string, endpoint: Endpoint | null): PeerAddress | null {
    return endpoint === null ? null : netAddress(host, endpoint.port, this.#options.id)
  }

  #hosts(scope: Scope, endpoint: Endpoint | null): readonly string[] {
    if (endpoint === null) return []
    const { externalHosts, localAddresses } = this.#options
    if (scope === 'public' && externalHosts.length > 0) return externalHosts
    const { host } = endpoint
    const isAnywhere = host === '' || host === '0.0.0.0' || host === '::'
    if (scope === 'device') return [isAnywhere ? '127.0.0.1' : host]
    const bound = isAnywhere ? localAddresses().map(({ address }) => address) : [host]
    return bound.filter(scope === 'public' ? isPublicHost : isLocalNetworkHost)
  }
}
