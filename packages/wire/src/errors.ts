import { CodedError } from '@dunbar/core'

/** Why a connection, a call or a listening socket failed. */
export type WireErrorCode =
  /** No connection within the time, or refused; `data.reason` has the system's code. */
  | 'CONNECT_FAILED'
  /** The other side is not who was dialled, is on another network, does not let us in, or is no peer; `data.fault` says which. */
  | 'HANDSHAKE_FAILED'
  /** The other side took too long to prove who it is. */
  | 'HANDSHAKE_TIMEOUT'
  /** The host and port can't be listened to; `data.reason` has the system's code. */
  | 'LISTEN_FAILED'
  /** The library under the handshake is not the one that it was tested with. */
  | 'UNTESTED_CRYPTO'
  /** An encrypted packet is forged, damaged or of a wrong length. */
  | 'BAD_BOX'
  /** An encrypted connection was cut off without a goodbye. */
  | 'TRUNCATED'
  /** Nothing was sent or received for too long. */
  | 'IDLE'
  /** The connection has ended, or ended before the answer came. */
  | 'CONNECTION_CLOSED'
  /** The other side answered with an error; `data.message`, and `data.code` where it gave one. */
  | 'REMOTE_ERROR'
  /** The path does not fit into a socket address. */
  | 'SOCKET_PATH_TOO_LONG'
  /** Another process listens there. */
  | 'SOCKET_IN_USE'
  /** Something that is not a socket has this path. */
  | 'SOCKET_PATH_TAKEN'
  /** Header, flags or body of a frame break the rules of the framing. */
  | 'BAD_FRAME'
  /** A frame is larger than its kind may be. */
  | 'FRAME_TOO_LARGE'
  /** A body is no JSON, or nested too deeply. */
  | 'BAD_JSON'
  /** A frame arrives too slowly. */
  | 'FRAME_TOO_SLOW'
  /** The other side takes no bytes. */
  | 'WRITE_STALLED'
  /** The other side sends more than is read here. */
  | 'INBOUND_OVERFLOW'
  /** As many streams are open as one connection may have. */
  | 'TOO_MANY_STREAMS'
  /** A value can't be sent: no JSON, or too large. */
  | 'UNSENDABLE'
  /** muxrpc threw on this input. */
  | 'PROTOCOL_FAILURE'
  /** Two methods where one name is the beginning of the other. */
  | 'METHOD_NAME_CLASH'

/** An error of this room; matched by `code`. */
export class WireError extends CodedError<WireErrorCode> {}
