const KIB = 1024
const MIB = 1024 * KIB

/** What one connection may use. Sizes in bytes, times in ms. */
export interface WireLimits {
  /** Body of a request. */
  readonly requestBytes: number
  /** JSON or text body of any other frame. */
  readonly frameBytes: number
  /** Binary body. */
  readonly binaryBytes: number
  /** Body that may be sent: what the other side's limits are known to take. */
  readonly sendBytes: number
  /** Nesting of arrays and objects in a body. */
  readonly jsonDepth: number
  /** Streams that the other side may have open, those whose handler is still tidying up included. */
  readonly inboundStreams: number
  /** Streams that this side may have open. */
  readonly outboundStreams: number
  /** Calls of the other side in work; the socket is not read while there are as many. */
  readonly pendingCalls: number
  /** Bytes of one stream that wait for the socket; its source is not asked above it. */
  readonly unsentStreamBytes: number
  /** Bytes of all streams and answers that wait for the socket; neither sources nor socket are read above it. */
  readonly unsentConnectionBytes: number
  /** Received bytes that wait for their reader; the socket is not read above it. */
  readonly queuedBytes: number
  /** Received bytes that may wait while another reader must be fed; the connection is closed above it. */
  readonly queuedHardBytes: number
  /** Connection is closed when bytes wait and the socket takes none for so long. */
  readonly stallMs: number
  /** A frame may take this long; behind that it must grow by `frameBytesPerSecond`. */
  readonly frameGraceMs: number
  readonly frameBytesPerSecond: number
  /** A stream ended here, whose other side never says end, is forgotten after this. */
  readonly closingMs: number
}

/**
 * For a node towards local clients, which are trusted with more than peers are: a request or an item
 * may be 1 MiB, what `CLIENT_LIMITS` lets them send; 64 streams would be few for a client that follows hundreds of threads; depth 64 is above the deepest legal message, 62.
 */
export const SERVER_LIMITS: WireLimits = {
  requestBytes: MIB,
  frameBytes: MIB,
  binaryBytes: MIB,
  sendBytes: 16 * MIB,
  jsonDepth: 64,
  inboundStreams: 256,
  outboundStreams: 256,
  pendingCalls: 1024,
  unsentStreamBytes: MIB,
  unsentConnectionBytes: 8 * MIB,
  queuedBytes: MIB,
  queuedHardBytes: 64 * MIB,
  stallMs: 60_000,
  frameGraceMs: 10_000,
  frameBytesPerSecond: KIB,
  closingMs: 30_000,
}

/** For an app towards its own node, whose answers (a follow graph, a list of feeds) may be large. */
export const CLIENT_LIMITS: WireLimits = {
  ...SERVER_LIMITS,
  frameBytes: 16 * MIB,
  sendBytes: MIB,
}

/** Connections of one listening socket at a time. */
export const SOCKET_CONNECTIONS = 64

/** Body of an error frame, in bytes. */
export const ERROR_BODY_BYTES = 512
