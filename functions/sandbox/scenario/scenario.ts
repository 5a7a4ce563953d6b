import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { InputError, quoted } from '../../core/errors.ts'

/** `90s`, `10m`, `24h`; becomes milliseconds. */
const duration = z
  .string()
  .regex(/^\d{1,6}(?:ms|s|m|h)$/, 'a whole number and ms, s, m or h')
  .transform(
    text => Number.parseInt(text, 10) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[text.replace(/\d/g, '')] ?? 1),
  )
const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'a short name in lower case')
const address = z.union([z.ipv4(), z.ipv6()])
const port = z.number().int().min(1).max(65_535)

const network = z.strictObject({
  name,
  range: z.cidrv4(),
  range6: z.cidrv6().optional(),
})

const subnet = z.strictObject({
  name,
  network: name,
  range: z.cidrv4(),
  range6: z.cidrv6().optional(),
  /** Subnets that name the same ACL share it. Absent: the network's default ACL. */
  acl: name.optional(),
})

/** Traffic that belongs to an instance's work; network/ordinary.ts says what each does. */
export const WorkKind = z.enum([
  'package-mirror',
  'git-ssh',
  'object-storage',
  'model-api',
  'ntp',
  'monitoring',
  'websocket',
  'ledger-rpc',
  'provider-agent',
  'grpc-stream',
  'https-poll',
  'database',
  'artefact-push',
  'ssh-backup',
  'ssh-log-follow',
  'ssh-shell',
  'mesh-vpn',
  'editor-tunnel',
  'service-discovery',
  'cluster-start',
])
export type WorkKind = z.infer<typeof WorkKind>

const opening = {
  /** After the live phase began. */
  opens: duration,
  /** Which of the instance's interfaces, counted from 0. */
  interface: z.number().int().min(0).max(14).default(0),
}
const session = {
  /** The connection ends after this. Absent: it stays. */
  lasts: duration.optional(),
  /** The mean wait until it is opened again. Absent: about a minute, as a supervised client has it. */
  pause: duration.optional(),
  /** Sizes against those of the captures: other versions and programs. */
  scale: z.number().min(0.5).max(2).default(1),
}

/**
 * Somebody outside drives the tunnel: `visitor` fetches through it, `typing` is a person at a shell; `from` its opening on.
 * `lasts` is one turn, `pause` the mean wait between two; without it there is one turn. Captures on loopback have segments
 * of 64 kB; on a network they are `ethernet`'s.
 */
const use = z.strictObject({
  by: z.enum(['visitor', 'typing']),
  from: duration,
  lasts: duration.optional(),
  pause: duration.optional(),
  segments: z.enum(['loopback', 'ethernet']).default('loopback'),
})

export const Breakout = z.discriminatedUnion('kind', [
  /** `ssh -R`: opened from inside, driven from outside. Without `use` it lies idle and sends nothing but keepalives. */
  z.strictObject({
    kind: z.literal('reverse-tunnel'),
    to: address,
    port,
    use: use.optional(),
    /** ServerAliveInterval. */
    keepalive: duration.optional(),
    ...opening,
    ...session,
  }),
  /** The client of a tunnel service or of a self-hosted one, over TLS, QUIC or WebSocket. */
  z.strictObject({
    kind: z.literal('tool-tunnel'),
    to: address,
    port,
    transport: z.enum(['tcp', 'udp']).default('tcp'),
    /** The name that it asks the resolver for, and says in its handshake where `tls`. */
    name: z.string().max(255).optional(),
    tls: z.boolean().default(true),
    use: use.optional(),
    ...opening,
    ...session,
  }),
  z.strictObject({
    kind: z.literal('mining'),
    to: address,
    port,
    /** The pool's name, as the miner asks for it and says it in its TLS handshake. Absent: it goes by address. */
    pool: z.string().max(255).optional(),
    tls: z.boolean().default(true),
    shape: z.enum(['xmr', 'gpu']),
    /** Whether the managed firewall's intrusion prevention recognises it. */
    recognised: z.boolean(),
    ...opening,
    ...session,
  }),
  z.strictObject({
    kind: z.literal('probing'),
    /** Subnets whose addresses are tried. */
    subnets: z.array(name).min(1),
    ports: z.array(port).min(1).max(64),
    perMinute: z.number().int().min(1).max(6000),
    lasts: duration,
    ...opening,
  }),
  /** A shell on a host inside, driven by whoever broke out. */
  z.strictObject({ kind: z.literal('inside-session'), to: name, port, ...opening }),
])
export type Breakout = z.infer<typeof Breakout>

/** A call of a tool as the agent's own runtime logs it, `at` from the beginning of the live phase on. */
const toolCall = z.strictObject({
  at: duration,
  lasts: duration.prefault('0s'),
  tool: z.string().min(1).max(64),
  command: z.string().max(1000),
  episode: z.string().min(1).max(64),
})
export type ToolCallSpec = z.infer<typeof toolCall>

export const InstanceSpec = z.strictObject({
  name,
  /** More than one makes a fleet: `agent` with 100 becomes agent-001 to agent-100. */
  count: z.number().int().min(1).max(5000).default(1),
  role: name,
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
  /** One list an interface, primary first: the subnets over which a fleet is spread in turn. */
  interfaces: z.array(z.array(name).min(1)).min(1).max(15),
  /** How the primary interface reaches the outside: its own public address, or network address translation. */
  outlet: z.enum(['public', 'nat']).default('nat'),
  volumes: z.number().int().min(1).max(40).default(1),
  spot: z.boolean().default(false),
  work: z.array(WorkKind).default([]),
  /** External addresses that it calls over HTTPS every few minutes, besides its work. */
  uses: z.array(address).default([]),
  breakouts: z.array(Breakout).default([]),
  calls: z.array(toolCall).max(1000).default([]),
  /** Its ordinary connections end when its interface is cut; otherwise tracked ones live on. */
  closesAtCut: z.boolean().default(false),
})
export type InstanceSpec = z.infer<typeof InstanceSpec>

const firewall = z.strictObject({
  name,
  /** The network whose traffic to and from the outside passes it. */
  network: name,
  logs: z.array(z.enum(['alert', 'tls', 'netflow'])).min(1),
})

const Fault = z.discriminatedUnion('kind', [
  /** No flow-log record of a window that ends after the first cut. */
  z.strictObject({ kind: z.literal('flow-log-stops'), when: z.literal('cut') }),
])

/** What must be true at the end. `instance` names whom it is about; the rest is of the whole account. */
export const Expectation = z.strictObject({
  instance: name.optional(),
  decision: z.enum(['none', 'watch', 'alert', 'isolate']),
  incidents: z.number().int().min(0),
  tickets: z.number().int().min(0),
  snapshots: z.number().int().min(0),
  volumes: z.number().int().min(0),
  cut: z.strictObject({
    state: z.enum(['none', 'pending', 'unverified', 'new-flows-only', 'cut']),
    interfaces: z.number().int().min(0),
    /** Whether bytes really passed after the cut; where nothing is cut, after the live phase began. */
    residualBytes: z.enum(['none', 'some']),
  }),
  /** Peers denied in an ACL, exactly these. */
  denied: z.array(address).default([]),
  /** Each must occur in one of the reasons why a peer was not denied. */
  refusals: z.array(z.string().min(1).max(200)).default([]),
  /** Whether the instance alone was escalated: public address off, or stopped. */
  escalated: z.boolean().default(false),
  /** Instances whose bytes go on after the cut. */
  untouched: z.array(name).default([]),
  /** Each must occur in what a finding says of the tool calls that opened its connections. */
  toolCalls: z.array(z.string().min(1).max(200)).default([]),
  /** Each must occur in one of the cut's reasons. */
  reasons: z.array(z.string().min(1).max(200)).default([]),
})
export type Expectation = z.infer<typeof Expectation>

export const Scenario = z
  .strictObject({
    name,
    title: z.string().max(120),
    about: z.string().max(2000),
    seed: z.string().min(1).max(64),
    /** When the history begins. */
    start: z.iso.datetime().transform(text => Date.parse(text)),
    /** Ordinary work before the live phase, in windows of 10 minutes. */
    history: duration,
    /** The live phase, in windows of 1 minute. */
    live: duration,
    /** How long after a window's end its records arrive; CloudWatch Logs takes about 5 minutes. */
    flowLogDelay: duration.prefault('5m'),
    firewallDelay: duration.prefault('5s'),
    networks: z.array(network).min(1),
    subnets: z.array(subnet).min(1),
    firewall: firewall.optional(),
    instances: z.array(InstanceSpec).min(1),
    faults: z.array(Fault).default([]),
    expect: Expectation,
  })
  .superRefine((scenario, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    const networks = new Set(scenario.networks.map(one => one.name))
    const subnets = new Set(scenario.subnets.map(one => one.name))
    const members = new Set(scenario.instances.flatMap(memberNames))
    for (const one of scenario.subnets)
      if (!networks.has(one.network)) refuse(`subnet ${one.name} is in no network: ${quoted(one.network)}`)
    if (scenario.firewall && !networks.has(scenario.firewall.network))
      refuse(`the firewall guards no network: ${quoted(scenario.firewall.network)}`)
    for (const one of scenario.instances) {
      for (const where of one.interfaces.flat())
        if (!subnets.has(where)) refuse(`instance ${one.name} stands in no subnet: ${quoted(where)}`)
      for (const breakout of one.breakouts) {
        if (breakout.interface >= one.interfaces.length)
          refuse(`instance ${one.name} has no interface ${breakout.interface}`)
        if (breakout.kind === 'inside-session' && !members.has(breakout.to))
          refuse(`instance ${one.name} opens a session to no instance: ${quoted(breakout.to)}`)
        if (breakout.kind === 'probing')
          for (const where of breakout.subnets)
            if (!subnets.has(where)) refuse(`instance ${one.name} probes no subnet: ${quoted(where)}`)
      }
    }
    for (const one of [...scenario.expect.untouched, scenario.expect.instance])
      if (one !== undefined && !members.has(one)) refuse(`an expectation names no instance: ${quoted(one)}`)
  })
export type Scenario = z.infer<typeof Scenario>

/** The names of a fleet's members; a fleet of one keeps its own. */
export function memberNames({ name, count }: { name: string; count: number }): string[] {
  if (count === 1) return [name]
  return Array.from({ length: count }, (_, index) => `${name}-${String(index + 1).padStart(3, '0')}`)
}

/** Throws an InputError that names the file and every place that is wrong. */
export function readScenario(path: string | URL): Scenario {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new InputError(`Cannot read scenario ${quoted(String(path))}`, { cause })
  }
  const parsed = Scenario.safeParse(json)
  if (!parsed.success)
    throw new InputError(`Cannot use scenario ${quoted(String(path))}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
