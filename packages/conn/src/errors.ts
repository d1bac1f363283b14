import { CodedError } from '@dunbar/core'

/** Why an address, a connection or an invite was refused. */
export type ConnErrorCode =
  /** No address of a peer, or of the wrong kind. */
  | 'ADDRESS_INVALID'
  /** Well formed, but nothing here can dial it; `data.transport`. */
  | 'ADDRESS_UNSUPPORTED'
  /** Its key is this node's own. */
  | 'ADDRESS_SELF'
  /** The address book has no address of this peer. */
  | 'ADDRESS_UNKNOWN'
  /** The address book is full of entries that must not be dropped. */
  | 'ADDRESS_BOOK_FULL'
  /** This node's owner blocks that peer. */
  | 'PEER_BLOCKED'
  /** As many connections are open or being made as may be. */
  | 'TOO_MANY_CONNECTIONS'
  /** The node is stopping. */
  | 'CONN_CLOSED'
  /** An argument is missing or of the wrong kind. */
  | 'BAD_ARGUMENT'
  /** No invite code. */
  | 'INVITE_INVALID'
  /** This node has no address that an invite could name. */
  | 'INVITE_NO_ADDRESS'
  /** As many invites are open as may be. */
  | 'INVITE_LIMIT'
  /** Its uses or its time are up. */
  | 'INVITE_EXPIRED'
  /** The feed is followed already. */
  | 'INVITE_ALREADY_FOLLOWING'
  /** No feed, or one that can't be followed. */
  | 'INVITE_BAD_FEED'
  /** Too many failed uses. */
  | 'INVITE_TOO_OFTEN'
  /** The pub could not be reached with the code; `data.reason`. */
  | 'INVITE_UNREACHABLE'
  /** The pub did not take the code; `data.reason` is what it said. */
  | 'INVITE_REFUSED'

/** An error of this room; matched by `code`. */
export class ConnError extends CodedError<ConnErrorCode> {}
