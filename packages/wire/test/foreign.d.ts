/** The packages that serve as other implementations here; none of them ships types. */

declare module 'muxrpc' {
  type PullCallback = (end: unknown, value?: unknown) => void
  type PullSource = (abort: unknown, callback: PullCallback) => void
  type PullSink = (read: PullSource) => void
  interface PullDuplex {
    readonly source: PullSource
    readonly sink: PullSink
  }
  // biome-ignore lint/suspicious/noExplicitAny: the remote API has whatever the manifest says
  type Rpc = any
  function createMuxrpc(remoteManifest: unknown, localManifest: unknown, localApi?: unknown): Rpc
  namespace createMuxrpc {
    export type { PullCallback, PullDuplex, PullSink, PullSource, Rpc }
  }
  export = createMuxrpc
}

declare module 'pull-stream' {
  // biome-ignore lint/suspicious/noExplicitAny: a toolbox of untyped functions
  const pull: any
  export = pull
}

declare module 'stream-to-pull-stream' {
  import type { Duplex } from 'node:stream'
  import type { PullDuplex } from 'muxrpc'

  const toPull: { duplex(stream: Duplex): PullDuplex }
  export = toPull
}

declare module 'packet-stream-codec' {
  interface Message {
    readonly req: number
    readonly stream: boolean
    readonly end: boolean
    readonly value: unknown
    readonly length?: number
    readonly type?: number
  }
  const codec: {
    encodePair(message: Omit<Message, 'length' | 'type'> | 'GOODBYE'): [Buffer, Buffer | null]
    decodeHead(bytes: Buffer): Message
    decodeBody(bytes: Buffer, head: Message): Message
  }
  export = codec
}

declare module 'ssb-client' {
  import type { Rpc } from 'muxrpc'

  function ssbClient(keys: unknown, options: object): Promise<Rpc>
  export = ssbClient
}

declare module 'ssb-keys' {
  interface SsbKeys {
    readonly public: string
    readonly private: string
    readonly id: string
  }
  const ssbKeys: {
    generate(curve?: 'ed25519', seed?: Buffer): SsbKeys
    loadSync(path: string): SsbKeys
    // biome-ignore lint/suspicious/noExplicitAny: any message
    signObj(keys: SsbKeys, hmacKey: string | null, message: any): any
    verifyObj(keys: { readonly public: string }, hmacKey: string | null, message: unknown): boolean
    secretBox(value: object, key: Buffer): Buffer
    secretUnbox(box: Buffer, key: Buffer): object
  }
  export = ssbKeys
}

declare module 'pull-box-stream' {
  type Through = (read: unknown) => unknown
  const boxes: {
    createBoxStream(key: Buffer, nonce: Buffer): Through
    createUnboxStream(key: Buffer, nonce: Buffer): Through
  }
  export = boxes
}

declare module 'secret-handshake' {
  import type { PullDuplex } from 'muxrpc'

  interface KeyPair {
    readonly publicKey: Buffer
    readonly secretKey: Buffer
  }
  type Done = (error: Error | null, stream: PullDuplex & { readonly remote: Buffer }) => void
  const secretHandshake: {
    createClient(
      keys: KeyPair,
      networkKey: Buffer,
      timeoutMs?: number,
    ): (remoteKey: Buffer, done: Done) => PullDuplex
    createServer(
      keys: KeyPair,
      authorize: (id: Buffer, done: (error: Error | null, isAllowed?: boolean) => void) => void,
      networkKey: Buffer,
      timeoutMs?: number,
    ): (done: Done) => PullDuplex
  }
  export = secretHandshake
}

declare module 'multiserver-address' {
  interface Protocol {
    readonly name: string
    readonly data: readonly string[]
  }
  const addresses: { decode(address: string): Protocol[][] }
  export = addresses
}
