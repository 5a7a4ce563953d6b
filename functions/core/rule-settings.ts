import * as z from 'zod'
import { parseCidr } from './address.ts'
import { InputError } from './errors.ts'
import { MAX_INDICATORS, MAX_LINE, parseIndicator } from './operator-indicators.ts'

export const AddressRange = z
  .string()
  .max(64)
  .refine(text => parseCidr(text) !== undefined, 'neither an address nor a range such as 192.0.2.0/24')
export const Suffix = z
  .string()
  .toLowerCase()
  .regex(
    /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,31}$/,
    'a name such as example.com, which stands for all below it too',
  )
const indicator = z
  .string()
  .max(MAX_LINE)
  .transform((text, context) => {
    try {
      return parseIndicator(text)
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      context.addIssue({ code: 'custom', message: thrown.message, input: text })
      return z.NEVER
    }
  })
const points = (value: number) => z.number().min(-1000).max(1000).default(value)
/** Of what the host says: it clears nobody, so it never counts against a breakout. */
const hostPoints = (value: number) => z.number().min(0).max(1000).default(value)
const hours = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/, 'hours of the day in UTC such as 20:00-06:00')
const threshold = (value: number) => z.number().min(0).default(value)

/** Every threshold of the rules and the score, with its default and its reason. */
export const RuleSettings = z.strictObject({
  /** Points at which a peer, and with it the instance, is watched, alerted about and isolated (score.ts). */
  score: z
    .strictObject({
      /** One weak sign, so that a finding's history begins before anybody is woken. */
      watch: threshold(30),
      /** One strong sign and something besides: worth a person's look. */
      alert: threshold(60),
      /** Three signs of independent kinds, or one that only a breakout gives. */
      isolate: threshold(100),
      /** Shape alone flags one in ten ordinary long TLS flows (52 captures of miners), so it takes three kinds to cut. */
      families: threshold(3),
    })
    .prefault({}),
  /** What the operator knows: its shape is no evidence, and its name is no service of a stranger. */
  allow: z
    .strictObject({
      addresses: z.array(AddressRange).max(10_000).default([]),
      names: z.array(Suffix).max(10_000).default([]),
    })
    .prefault({}),
  /** The provider's service ranges, without those in which anybody can rent an address (AWS: without `EC2`). */
  providerRanges: z.array(AddressRange).max(20_000).default([]),
  /** The operator's own facts, `kind value # source, date` each (docs/indicators.md), beside the built-in ones. */
  indicators: z.array(indicator).max(MAX_INDICATORS).prefault([]),
  egress: z
    .strictObject({
      /** `forbidden` says that no instance in scope has business with SSH on the internet: then one session is proof. */
      ssh: z.enum(['allowed', 'forbidden']).default('allowed'),
    })
    .prefault({}),
  tunnel: z
    .strictObject({
      /**
       * A key exchange of OpenSSH 9.2 has 4.1 to 4.5 kB each way (measured); other versions and clients exchange less: short
       * lists of algorithms, keys of 32 bytes, Dropbear.
       */
      setupMinBytes: threshold(2000),
      /** On other ports than SSH's: both sides send their lists and keys, where TLS has a certificate in and little out. */
      setupBalance: threshold(1.5),
      /** On other ports the window must hold little else, since TLS opens there too. */
      setupMaxBytes: threshold(6500),
      /** 17 to 18 packets out and 13 to 15 in were measured. */
      setupMinPackets: threshold(8),
      setupMaxPackets: threshold(30),
      /** SSH: 250 to 320 B a packet. The certificates of a TLS handshake come in full packets. */
      setupMaxBytesPerPacket: threshold(400),
      /** A clone or download takes far more in than goes out, from its first minute on. */
      setupMaxInPerOut: threshold(5),
      /** A `git fetch` that began at the end of a window closes in the next one: wait for that window. */
      setupSettlesSeconds: threshold(120),
      /** A connection that ended sooner was a command or a transfer, no tunnel. */
      setupLastsSeconds: threshold(300),
      /** Below that it may be a person who answers a prompt. */
      driverMinutes: threshold(3),
      /** What goes out to a driver is content, 145 B a packet (measured); to a pushing server go bare acknowledgements of 40 to 66 B. */
      driverMinBytesPerPacketOut: threshold(80),
      /** Runs of minutes in which it serves somebody outside; an upload is one. */
      bursts: threshold(3),
      /** Or as many such minutes in one run: a visitor who never pauses. */
      servedMinutes: threshold(4),
      /** A page a minute. */
      servedMinBytes: threshold(4096),
      /** On another port than SSH's: as many minutes without a visitor, in which this much less goes by than in one with him. */
      quietMinutes: threshold(3),
      servedContrast: threshold(10),
      /** What comes in besides acknowledgements: opening a forwarded connection and asking for one page is 270 B (measured). */
      requestBytes: threshold(250),
      /** An acknowledgement has 40 B, 52 with timestamps and 64 with one selective block (RFC 7323, RFC 2018). */
      acknowledgementBytes: threshold(64),
      /** A copy runs at the wire's rate; pages that somebody reads come to 0.25 MB a minute (measured). */
      bulkBytes: threshold(2_000_000),
      /** Of its bytes: what a copy begins and ends with is small, and in the minutes in which it pauses less goes by. */
      copyShare: threshold(0.5),
      /** Besides its opening: less than this does not say who is served. */
      insideMinPackets: threshold(6),
      /** How long an unused connection must stand open to be a sign: a person inside types at once. */
      idleSeconds: threshold(300),
      keepaliveVariation: threshold(0.05),
      keepaliveMinutes: threshold(10),
      openMinutes: threshold(15),
      longOpenMinutes: threshold(60),
      /** More client ports than that are many connections, and their age is not one connection's. */
      openMaxConnections: threshold(2),
    })
    .prefault({}),
  mining: z
    .strictObject({
      stratumMinutes: threshold(10),
      longStratumMinutes: threshold(30),
      /** A miner is at it most of the time: pools are silent for 137 s at most (52 captures). */
      stratumShare: threshold(0.5),
      /** A miner keeps one connection; a client that polls opens one a request. */
      stratumMaxConnections: threshold(4),
    })
    .prefault({}),
  probing: z
    .strictObject({
      /** Distinct (address, port) in five minutes. */
      targets: threshold(20),
      manyTargets: threshold(50),
    })
    .prefault({}),
  dnsTunnel: z
    .strictObject({
      /** Distinct encoded names under one suffix in one to two hours; a tunnel needs as many for a few kilobytes. */
      names: threshold(100),
      manyNames: threshold(400),
      /** Share of the suffix's names that are encoded. */
      share: threshold(0.8),
    })
    .prefault({}),
  host: z
    .strictObject({
      /**
       * When jobs may run, UTC; an empty list where none is ever scheduled. Absent it is not known, and then a busy GPU says
       * nothing: most that are busy are at their work.
       */
      jobs: z.array(hours).max(48).optional(),
      /** Outside those hours: jobs overrun, and an alarm flaps. */
      busyMinutes: threshold(15),
    })
    .prefault({}),
  novelty: z
    .strictObject({
      /** RITA counts a peer of at most 2 % of the hosts as rare and one of half of them as common. */
      rare: threshold(0.02),
      common: threshold(0.5),
      /** Below that 2 % are less than one instance: then only a peer of this instance alone is rare. */
      smallScope: threshold(50),
    })
    .prefault({}),
  points: z
    .strictObject({
      /** Identity alone isolates. */
      identity: points(100),
      /** A name without a connection, a website, a guess by labels: alerts alone, never isolates. */
      weakIdentity: points(60),
      sshSetup: points(40),
      /** Other services than SSH open with as many bytes. */
      otherSetup: points(30),
      driver: points(45),
      bursts: points(25),
      /** The same where nothing tells that it opened as SSH does: what pushes its logs now and then looks alike. */
      served: points(20),
      keepalive: points(20),
      open: points(15),
      longOpen: points(20),
      /** SSH out to the internet is allowed to many, so it is context, not shape. */
      sshEgress: points(20),
      toolPort: points(15),
      stratum: points(35),
      /** Ordinary streams of small messages have the shape for hours and often a peer of their own: together no alert. */
      longStratum: points(40),
      /** On a port of TLS and other registered services: a tenth of ordinary long flows has the shape. */
      stratumOnServicePort: points(30),
      stratumPort: points(30),
      /** A port that pools use and others too; counts beside the shape only. */
      sharedStratumPort: points(15),
      noDnsAnswer: points(20),
      rarePeer: points(15),
      commonPeer: points(-30),
      providerRange: points(-40),
      /** Beside what else is seen of the peer; the agent's own word, so it weighs little and makes no case. */
      toolCall: hostPoints(10),
      busyGpu: hostPoints(25),
      probing: points(60),
      heavyProbing: points(80),
      dnsTunnel: points(60),
      heavyDnsTunnel: points(80),
    })
    .prefault({}),
})
export type RuleSettings = z.infer<typeof RuleSettings>
