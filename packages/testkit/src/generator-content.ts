/**
 * What the messages say: posts in threads, votes, contacts and the rest, in the shapes that clients
 * write. Shares of the kinds are held by choosing, each time, in proportion to how far a kind is
 * behind its share, so that also a small data set has them. All memory of earlier messages is bounded.
 */
import { type BlobId, blobIdFromBytes, type FeedId, type MessageKey } from '@dunbar/core'
import { boxPrivate } from '@dunbar/formats'
import { OddContents } from './generator-odd.js'
import { cutText, pickLanguage, writeName, writeText } from './generator-text.js'
import { type OpenThread, ThreadPool } from './generator-threads.js'
import type { SeededRandom } from './seeded-random.js'

/** Shares of all messages, after the main network. */
const KIND_SHARES = {
  vote: 0.43,
  post: 0.25,
  private: 0.12,
  contact: 0.09,
  about: 0.04,
  channel: 0.02,
  odd: 0.05,
} as const

type Kind = keyof typeof KIND_SHARES
const KINDS = Object.keys(KIND_SHARES) as Kind[]

const recentPostLimit = 4096
const privateThreadLimit = 2048
/** A message has 8,192 units in print; the frame around the content takes up to 470 with indentation. */
const maxContentUnits = 8192 - 470
/** Base64 makes 4 of 3, seven recipients take 343 bytes: 5,600 bytes still fit. */
const maxPlaintextBytes = 5600

const CHANNELS = [
  'scuttlebutt',
  'new-people',
  'ssb',
  'javascript',
  'gardening',
  'solarpunk',
  'music',
  'dunbar',
  'patchwork',
  'cooking',
  'books',
  'boats',
  'art',
  'politics',
  'philosophy',
  'rust',
  'golang',
  'hardware',
  'permaculture',
  'random',
  'dweb',
  'nz',
  'berlin',
  'photography',
  'bugs',
  'help',
  'ゲーム',
] as const

export interface GeneratedAuthor {
  /** Number of the feed. */
  readonly feed: number
  readonly id: FeedId
  readonly language: string
}

export interface Written {
  readonly content: object | string
  /** Type in the clear; empty for a private message. */
  readonly type: string
  /** To be called with the key that the message got, so that later ones can refer to it. */
  readonly settle: (key: MessageKey) => void
}

interface PrivateThread {
  readonly root: MessageKey
  readonly recipients: readonly FeedId[]
  heads: readonly MessageKey[]
}

export class ContentWriter {
  readonly #random: SeededRandom
  readonly #threads: ThreadPool
  readonly #odd: OddContents
  readonly #feedCount: number
  readonly #idOf: (feed: number) => FeedId
  readonly #written = new Float64Array(KINDS.length)
  readonly #recent: { readonly key: MessageKey; readonly author: FeedId }[] = []
  #recentAt = 0
  readonly #privateThreads = new Map<FeedId, PrivateThread>()
  readonly #isIntroducing: boolean

  constructor(
    counts: { readonly feeds: number; readonly messages: number },
    idOf: (feed: number) => FeedId,
    random: SeededRandom,
  ) {
    this.#random = random
    this.#feedCount = counts.feeds
    this.#idOf = idOf
    this.#threads = new ThreadPool(counts.messages, random)
    this.#odd = new OddContents(random, () => this.#blob())
    // With few messages a feed, names and follows alone would use up more than their shares.
    this.#isIntroducing = counts.messages >= counts.feeds * 12
  }

  /** How a feed writes, for its first message and all others. */
  author(feed: number, id: FeedId): GeneratedAuthor {
    return { feed, id, language: pickLanguage(this.#random) }
  }

  /** The content of message `index`, which is the `sequence`th of its author. */
  write(author: GeneratedAuthor, index: number, sequence: number): Written {
    const kind = this.#kind(index, sequence)
    const written = this.#ofKind(kind, author, index)
    this.#written[KINDS.indexOf(kind)]! += 1
    return written
  }

  #kind(index: number, sequence: number): Kind {
    if (this.#isIntroducing && sequence <= 2) {
      const kind: Kind = sequence === 1 ? 'contact' : 'about'
      if (this.#written[KINDS.indexOf(kind)]! < KIND_SHARES[kind] * (index + 20)) return kind
    }
    let sum = 0
    const weights = KINDS.map((kind, at) => {
      const share = KIND_SHARES[kind]
      const behind = share * (index + 40) - (this.#written[at] as number)
      const weight = Math.max(0, behind) + share * 4
      sum += weight
      return weight
    })
    let left = this.#random.next() * sum
    for (const [at, weight] of weights.entries()) {
      left -= weight
      if (left < 0) return KINDS[at] as Kind
    }
    return 'post'
  }

  #ofKind(kind: Kind, author: GeneratedAuthor, index: number): Written {
    switch (kind) {
      case 'vote':
        return this.#recent.length === 0 ? this.#post(author, index) : this.#vote()
      case 'post':
        return this.#post(author, index)
      case 'private':
        return this.#private(author)
      case 'contact':
        return open(this.#contact(author))
      case 'about':
        return open(this.#about(author))
      case 'channel':
        return open({
          type: 'channel',
          channel: this.#channel(),
          subscribed: this.#random.chance(0.9),
        })
      case 'odd': {
        const { content, settle } = this.#odd.write(author.id, author.language)
        return open(content, settle)
      }
    }
  }

  #vote(): Written {
    const random = this.#random
    const { key } = this.#recentPost()
    const isTakenBack = random.chance(0.03)
    const expression = isTakenBack
      ? 'Unlike'
      : random.pick(['Like', 'Like', 'Like', '❤', 'Yup', '👍'])
    const vote = { link: key, value: isTakenBack ? 0 : random.chance(0.002) ? -1 : 1, expression }
    return open(
      random.chance(0.2)
        ? { type: 'vote', channel: this.#channel(), vote }
        : { type: 'vote', vote },
    )
  }

  #post(author: GeneratedAuthor, index: number): Written {
    const random = this.#random
    let thread = this.#threads.choose(index, 0.68)
    if (thread !== null && random.chance(0.02))
      thread = this.#threads.beginSubThread(thread) ?? thread
    const length = random.chance(0.004)
      ? random.between(6800, maxContentUnits)
      : Math.min(6500, Math.floor(Math.exp(5.4 + 1.05 * random.normal())) + 8)
    const text = writeText(random, author.language, length)
    const content =
      thread === null ? this.#rootPost(text) : this.#reply(text, thread, random.chance(0.4))
    const { branch } = content as { branch?: MessageKey | MessageKey[] }
    return open(fit(content), (key) => {
      if (thread === null) this.#threads.begin(index, key, author.id, content.channel ?? null)
      else this.#threads.replied(thread, key, [branch ?? []].flat(), author.id)
      this.#remember(key, author.id)
    })
  }

  #rootPost(text: string): PostContent {
    const random = this.#random
    const content: PostContent = { type: 'post', text }
    if (random.chance(0.35)) content.channel = this.#channel()
    const mentions = this.#mentions(content)
    if (mentions.length > 0 || random.chance(0.5)) content.mentions = mentions
    return content
  }

  #reply(text: string, thread: OpenThread, isVerbose: boolean): PostContent {
    const heads = this.#threads.branchOf(thread)
    const branch = heads.length === 1 && !isVerbose ? (heads[0] as MessageKey) : [...heads]
    const links: Omit<PostContent, 'text'> = { type: 'post', root: thread.root, branch }
    if (thread.parent !== null) links.fork = thread.parent.root
    if (isVerbose) {
      const named = heads.at(-1) as MessageKey
      links.reply = { [thread.root]: thread.rootAuthor, [named]: thread.lastAuthor }
    }
    if (thread.channel !== null) links.channel = thread.channel
    const content: PostContent = Object.assign(links, { text })
    const mentions = this.#mentions(content)
    if (mentions.length > 0 || isVerbose) content.mentions = mentions
    return content
  }

  #mentions(content: PostContent): object[] {
    const random = this.#random
    const mentions: object[] = []
    while (random.chance(0.2) && mentions.length < 4) {
      const kind = random.next()
      if (kind < 0.45) {
        const link = this.#someFeed()
        const name = writeName(random, 'english')
        mentions.push({ link, name })
        content.text = `[@${name}](${link}) ${content.text}`
      } else if (kind < 0.75) {
        const link = this.#blob()
        const type = random.pick(['image/jpeg', 'image/png', 'audio/mpeg', 'application/pdf'])
        const name = `IMG_${random.between(1000, 9999)}.jpg`
        mentions.push({ link, type, size: random.between(1000, 5_000_000), name })
        content.text += `\n![${name}](${link})`
      } else if (kind < 0.9 && this.#recent.length > 0) {
        const { key } = this.#recentPost()
        mentions.push({ link: key })
        content.text += `\n[see](${key})`
      } else {
        const link = `#${this.#channel()}`
        mentions.push({ link })
        content.text += ` ${link}`
      }
    }
    return mentions
  }

  #contact(author: GeneratedAuthor): object {
    const random = this.#random
    let contact = this.#someFeed()
    if (contact === author.id && this.#feedCount > 1) {
      contact = this.#idOf((author.feed + 1) % this.#feedCount)
    }
    const kind = random.next()
    if (kind < 0.82) return { type: 'contact', contact, following: true }
    if (kind < 0.92) return { type: 'contact', contact, following: false }
    if (kind < 0.98) return { type: 'contact', contact, following: false, blocking: true }
    return { type: 'contact', contact, blocking: false }
  }

  #about(author: GeneratedAuthor): object {
    const random = this.#random
    const about = random.chance(0.85) ? author.id : this.#someFeed()
    const content: Record<string, unknown> = { type: 'about', about }
    const kind = random.next()
    if (kind < 0.6) content.name = writeName(random, author.language)
    if (kind > 0.5 && kind < 0.85) {
      const link = this.#blob()
      content.image = random.chance(0.5)
        ? link
        : { link, type: 'image/png', size: random.between(5000, 500_000), width: 512, height: 512 }
    }
    if (kind > 0.8) {
      content.description = writeText(random, author.language, random.between(20, 600))
    }
    return content
  }

  #private(author: GeneratedAuthor): Written {
    const random = this.#random
    const thread = random.chance(0.6) ? this.#privateThreads.get(author.id) : undefined
    const recipients = thread?.recipients ?? this.#recipients(author)
    const length = Math.min(2500, Math.floor(Math.exp(4.8 + 0.9 * random.normal())) + 5)
    let text = writeText(random, author.language, length)
    const links = thread === undefined ? {} : { root: thread.root, branch: thread.heads }
    const plaintext = (): Buffer =>
      Buffer.from(JSON.stringify({ type: 'post', ...links, text, recps: recipients, mentions: [] }))
    let bytes = plaintext()
    while (bytes.length > maxPlaintextBytes) {
      text = cutText(text, text.length >> 1)
      bytes = plaintext()
    }
    const content = boxPrivate(bytes, recipients, { randomBytes: (size) => random.bytes(size) })
    return {
      content,
      type: '',
      settle: (key) => {
        if (thread !== undefined) thread.heads = [key]
        else this.#rememberPrivate({ root: key, recipients, heads: [key] })
      },
    }
  }

  /** One to seven different feeds, the author first. */
  #recipients(author: GeneratedAuthor): FeedId[] {
    const random = this.#random
    const kind = random.next()
    const count = kind < 0.1 ? 1 : kind < 0.62 ? 2 : kind < 0.8 ? 3 : random.between(4, 7)
    const chosen = new Set<FeedId>([author.id])
    for (let tries = 0; chosen.size < count && tries < 20; tries += 1) chosen.add(this.#someFeed())
    return [...chosen]
  }

  #rememberPrivate(thread: PrivateThread): void {
    for (const recipient of thread.recipients) {
      this.#privateThreads.delete(recipient)
      this.#privateThreads.set(recipient, thread)
    }
    for (const oldest of this.#privateThreads.keys()) {
      if (this.#privateThreads.size <= privateThreadLimit) break
      this.#privateThreads.delete(oldest)
    }
  }

  #remember(key: MessageKey, author: FeedId): void {
    this.#recent[this.#recentAt] = { key, author }
    this.#recentAt = (this.#recentAt + 1) % recentPostLimit
  }

  #recentPost(): { readonly key: MessageKey; readonly author: FeedId } {
    const count = this.#recent.length
    const back = 1 + Math.min(count - 1, Math.floor(this.#random.exponential(40)))
    return this.#recent[(this.#recentAt - back + count) % count] as {
      key: MessageKey
      author: FeedId
    }
  }

  /** Feeds with small numbers, which write more, are also better known. */
  #someFeed(): FeedId {
    const draw = this.#random.next()
    return this.#idOf(Math.floor(this.#feedCount * draw * draw * Math.sqrt(draw)))
  }

  #channel(): string {
    const at = Math.min(this.#random.below(CHANNELS.length), this.#random.below(CHANNELS.length))
    return CHANNELS[at] as string
  }

  #blob(): BlobId {
    return blobIdFromBytes(this.#random.bytes(32))
  }
}

interface PostContent {
  type: 'post'
  text: string
  root?: MessageKey
  branch?: MessageKey | MessageKey[]
  fork?: MessageKey
  reply?: Record<string, string>
  channel?: string
  mentions?: object[]
}

function open(content: object, settle: (key: MessageKey) => void = () => {}): Written {
  return { content, type: (content as { type: string }).type, settle }
}

/** Shortens the text until the message fits; the fields stay. */
function fit(content: PostContent): PostContent {
  if (content.text.length < 3000) return content
  for (;;) {
    const units = JSON.stringify({ content }, null, 2).length
    if (units <= maxContentUnits) return content
    content.text = cutText(content.text, content.text.length - (units - maxContentUnits))
  }
}
