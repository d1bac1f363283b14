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
  /** Calls and streams that the other side may begin at once, and each second from there on; the socket is not read while it has begun more. Null for any number. */
  readonly callBurst: number
  readonly callsPerSecond: number | null
  /** Bytes of one stream that wait for the socket; its source is not asked above it. */
  readonly unsentStreamBytes: number
  /** Bytes of all streams and answers that wait for the socket; neither sources nor socket are read above it. */
  readonly unsentConnectionBytes: number
  /** Received bytes that wait for their reader; the socket is not read above it. */
  readonly queuedBytes: number
  /** Received bytes that may wait while another reader must be fed; the connection is closed above it. */
  readonly queuedHardBytes: number
  /** True where the socket is read on past `queuedBytes` while another reader of this side waits, whose item may be behind. */
  readonly readsPastFullQueues: boolean
  /** Connection is closed when bytes wait and the socket takes none for so long. */
  readonly stallMs: number
  /** A frame may take this long; behind that it must grow by `frameBytesPerSecond`. */
  readonly frameGraceMs: number
  readonly frameBytesPerSecond: number
  /** A stream ended here, whose other side never says end, is forgotten after this. */
  readonly closingMs: number
  /** Connection is closed when no byte went either way for so long, or up to a quarter longer; null for never. */
  readonly idleMs: number | null
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
  callBurst: 400,
  callsPerSecond: null,
  unsentStreamBytes: MIB,
  unsentConnectionBytes: 8 * MIB,
  queuedBytes: MIB,
  queuedHardBytes: 64 * MIB,
  readsPastFullQueues: true,
  stallMs: 60_000,
  frameGraceMs: 10_000,
  frameBytesPerSecond: KIB,
  closingMs: 30_000,
  idleMs: null,
}

/**
 * For a node towards peers of the network, which may be anyone. A request or a message takes
 * 47,306 bytes at most, where every character is escaped; lists of ids may be longer, and methods
 * with still longer items say so themselves (`Method.itemBytes`). A replication stream that is full
 * stops the socket, whoever else waits.
 */
export const PEER_LIMITS: WireLimits = {
  ...SERVER_LIMITS,
  requestBytes: 64 * KIB,
  frameBytes: 256 * KIB,
  sendBytes: 4 * MIB,
  inboundStreams: 64,
  pendingCalls: 64,
  callsPerSecond: 200,
  queuedHardBytes: 8 * MIB,
  readsPastFullQueues: false,
  idleMs: 600_000,
}

/** What a listening TCP socket lets in. */
export interface AdmissionLimits {
  /** Connections in all, those that have not proved who they are included. */
  readonly connections: number
  /** Of one IPv4 address or one IPv6 /64. */
  readonly connectionsPerAddress: number
  /** Connections that have not proved yet who they are. */
  readonly handshakes: number
  readonly handshakesPerAddress: number
  /** New connections of one address, on average and at once. */
  readonly arrivalsPerSecond: number
  readonly arrivalBurst: number
}

/** One slow or flooding address takes no place from the others; a household shares its address. */
export const ADMISSION_LIMITS: AdmissionLimits = {
  connections: 150,
  connectionsPerAddress: 8,
  handshakes: 32,
  handshakesPerAddress: 4,
  arrivalsPerSecond: 5,
  arrivalBurst: 20,
}

/** A handshake takes two round trips and less than a ms of work. */
export const HANDSHAKE_MS = 5_000

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
