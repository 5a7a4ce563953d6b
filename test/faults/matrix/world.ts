import { setTimeout as sleep } from 'node:timers/promises'
import type { FunctionName } from '../../../functions/clouds/aws/permissions.ts'
import type { Incident } from '../../../functions/core/incident.ts'
import { loadIncident } from '../../../functions/core/incident-store.ts'
import { awsAdapters } from '../../../functions/entry/aws/adapters.ts'
import { createOperate } from '../../../functions/entry/aws/operate.ts'
import { createRespond } from '../../../functions/entry/aws/respond.ts'
import { createRevoke } from '../../../functions/entry/aws/revoke.ts'
import { createVerify } from '../../../functions/entry/aws/verify.ts'
import { tick } from '../../../functions/sandbox/autoscaling/tick.ts'
import type { FaultKind } from '../../../functions/sandbox/faults.ts'
import { drainQueue, invocationOf } from '../../../functions/sandbox/lambda.ts'
import { createPacker } from '../../../functions/sandbox/network/delivery.ts'
import { compileFormat } from '../../../functions/sandbox/network/flow-log.ts'
import { brokenOut, deployBreakout } from '../stage.ts'
import { createMirror } from './mirror.ts'
import { bringTo, type Moment, stateOf } from './moment.ts'
import { createCounter } from './points.ts'
import { isIn } from './projection.ts'

const MINUTE = 60_000

/** After that long SQS shows an unanswered message again (the queue's VisibilityTimeout); the dead one's claim has lapsed. */
export const VISIBLE_AGAIN_MS = 180_000

/** Looks of verify's schedule until all must be so. */
const MAX_LOOKS = 12

/** So often a person asks again who got no answer. */
const MAX_ASKED = 5

/** Sees each point that a function comes to, and says what is to go wrong there. */
export type Watcher = (point: string) => FaultKind | undefined

/** A record of the flow log and the stream that it stands in. */
export interface Line {
  readonly stream: string
  readonly timestamp: number
  readonly message: string
}

export interface WorldOptions {
  readonly start?: Moment
  /** Of the flow log after the cut: of connections whose ends close once nothing answers them. */
  readonly aftermath?: readonly Line[]
  readonly watcher?: Watcher
  /** Sees the world as it stands when a call has come, and when it was carried out. */
  readonly onMoment?: (at: string, moment: Moment) => void
  /** Milliseconds until a function gives up on one request; default: as it is deployed. */
  readonly patience?: number
}

export type World = Awaited<ReturnType<typeof createWorld>>

/** The small breakout with Firebreak in it, from its beginning or from a moment, of which its functions then know nothing. */
export async function createWorld({ start, aftermath = [], watcher, onMoment, patience }: WorldOptions = {}) {
  const deployment = await deployBreakout()
  // The scenario's own ids are the same in every run.
  const scenario = stateOf(deployment)
  if (start) await bringTo(deployment, start)
  const { clock, sandbox, tracker, lane, network, built } = deployment
  const mirror = createMirror(deployment, start)
  const pointOf = createCounter(id => isIn(scenario, id))
  const seen: string[] = []
  const reader = awsAdapters('operate', deployment.environment, clock)

  function come(asked: Parameters<typeof pointOf>[0]): string {
    const point = pointOf(asked)
    seen.push(point)
    onMoment?.(`before ${point}`, mirror.moment())
    return point
  }
  const under = new Map<number, string>()
  sandbox.intercept(call => {
    if (call.session === undefined) return undefined
    const point = come(call)
    under.set(call.n, point)
    return watcher?.(point)
  })
  sandbox.onAnswer(({ n }) => {
    const point = under.get(n)
    if (point !== undefined) onMoment?.(`after ${point}`, mirror.moment())
  })
  let told = ''
  tracker.intercept(() => {
    told = come({ service: 'tracker', action: 'put' })
    return watcher?.(told)
  })
  tracker.onAnswer(() => onMoment?.(`after ${told}`, mirror.moment()))

  function environmentOf(name: FunctionName) {
    const config = JSON.parse(deployment.environment.FIREBREAK_CONFIG)
    const tickets = config.tickets.map((one: object) => ({ ...one, timeoutMs: patience ?? 10_000 }))
    return {
      ...deployment.environmentOf(name),
      AWS_SESSION_TOKEN: name,
      ...(patience === undefined ? {} : { FIREBREAK_REQUEST_TIMEOUT_MS: String(patience) }),
      FIREBREAK_CONFIG: JSON.stringify({ ...config, tickets }),
    }
  }
  const respond = createRespond(environmentOf('respond'), { clock })
  const verify = createVerify(environmentOf('verify'), { clock })
  const operate = createOperate(environmentOf('operate'), { clock })
  const revoke = createRevoke(environmentOf('revoke'))

  let invocations = 0
  function contextOf(name: FunctionName) {
    invocations += 1
    return { ...invocationOf(`firebreak-${name}`, 60_000), awsRequestId: `${name}-${invocations}` }
  }
  sandbox.serve('firebreak-revoke', event => revoke(event, contextOf('revoke')))

  /** Invokes respond for what stands in the lane. What it could not handle comes again when it is visible again. */
  async function deliver(): Promise<void> {
    await drainQueue(lane, async event => {
      const answer = await respond(event, contextOf('respond'))
      if (answer.batchItemFailures.length > 0) clock.advance(VISIBLE_AGAIN_MS)
      return answer
    })
  }

  const late = [...aftermath]

  /** What the flow log says of interfaces through which nothing goes, as it is delivered five minutes later. */
  async function silence(): Promise<void> {
    clock.advance(5 * MINUTE)
    const until = Math.floor((clock.now() - MINUTE) / MINUTE) * 60
    const format = compileFormat(network.fields)
    const pack = createPacker(built.cloud.account, invocations)
    for (const { id, instance, vpc, subnet } of built.cloud.interfaces.values()) {
      if (instance !== brokenOut(deployment)) continue
      const vantage = { account: built.cloud.account, vpc, subnet, instance, interface: id }
      const lines = [3, 2, 1].flatMap(ago => format.lines(vantage, [], until - ago * 60, until - ago * 60 + 59))
      const silent = lines.map(message => ({ timestamp: until * 1000, message }))
      const events = [...late.filter(({ stream }) => stream === `${id}-all`), ...silent]
      await deployment.watch(pack('flow', network.flowGroup, `${id}-all`, events, clock.now()).payload)
    }
    late.length = 0
  }

  async function look(): Promise<void> {
    try {
      await verify({}, contextOf('verify'))
    } catch {
      // Its schedule invokes it again, whatever became of this time.
    }
  }

  const incident = async (): Promise<Incident | undefined> =>
    (await loadIncident(reader.ledger, brokenOut(deployment)))?.incident

  /** The next five minutes. */
  async function goOn(): Promise<void> {
    await silence()
    await look()
    await deliver()
  }

  async function ask(): Promise<void> {
    try {
      await operate({ verb: 'release', instance: brokenOut(deployment), by: 'ada' }, contextOf('operate'))
    } catch {
      // A person who was told of a failure asks again.
    }
  }

  return {
    deployment,
    reader,
    seen,
    incident,
    deliver,
    goOn,
    moment: mirror.moment,
    /** Until the cut stands, is proven and told, or as long as anybody would wait for it. */
    async contain(): Promise<void> {
      await deliver()
      for (let looks = 0; looks < MAX_LOOKS && !isContained(await incident(), tracker.tickets()); looks++) await goOn()
    },
    async release(): Promise<void> {
      for (let asked = 0; asked < MAX_ASKED && (await incident())?.releasedBy === undefined; asked++) {
        await ask()
        await deliver()
      }
      for (let looks = 0; looks < MAX_LOOKS && !isReleased(await incident(), tracker.tickets()); looks++) await goOn()
      // What an autoscaling group has begun it ends by itself.
      clock.advance(5 * MINUTE)
      tick(built.cloud, clock.now())
    },
    async close(): Promise<void> {
      reader.close()
      await deployment.close()
      await sleep(0)
    },
  }
}

type Tickets = readonly { readonly state: string }[]

function isContained(incident: Incident | undefined, tickets: Tickets): boolean {
  return incident?.cut.state === 'cut' && isAtRest(incident) && isTold('cut', tickets)
}

function isReleased(incident: Incident | undefined, tickets: Tickets): boolean {
  return incident?.closedAt !== undefined && isAtRest(incident) && isTold('restored', tickets)
}

function isTold(state: string, tickets: Tickets): boolean {
  return tickets.some(ticket => ticket.state === state)
}

function isAtRest({ claim, pending, steps }: Incident): boolean {
  const open = Object.values(steps).some(({ status }) => status === 'intended' || status === 'failed')
  return claim === undefined && pending.length === 0 && !open
}
