import { autoScaling } from '../../functions/clouds/aws/auto-scaling.ts'
import { ec2Instances } from '../../functions/clouds/aws/describe.ts'
import { ec2Clients } from '../../functions/clouds/aws/ec2.ts'
import { loadBalancing } from '../../functions/clouds/aws/load-balancing.ts'
import type { Description } from '../../functions/core/description.ts'
import type { Denial, Incident } from '../../functions/core/incident.ts'
import type { Outcome, Step } from '../../functions/core/ports.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { credentials, type Fate, type RoadSettings, startRoad } from './aws-servers.ts'
import { smallCloud } from './ec2-cloud.ts'
import { serveEc2 } from './ec2-server.ts'

export const quiet = { info() {}, warn() {}, error() {} }
export const signal = () => AbortSignal.timeout(20_000)

/** A small cloud, its EC2 server, a road to it on which requests can meet a fate, and clients on that road. */
export async function setStage(
  fate: (operation: string, earlier: number) => Fate = () => 'pass',
  edit?: (cloud: Cloud) => void,
  settings?: RoadSettings,
) {
  const cloud = smallCloud()
  edit?.(cloud)
  const server = await serveEc2(cloud)
  const road = await startRoad(server.url, fate, settings)
  const environment = { ...credentials, AWS_ENDPOINT_URL: road.url }
  const ec2 = ec2Clients(environment, { requestTimeout: 2000 })
  const scaling = autoScaling(environment, { requestTimeout: 2000 })
  const balancing = loadBalancing(environment, { requestTimeout: 2000 })
  const instances = ec2Instances(ec2, cloud.region, quiet)
  return {
    cloud,
    server: server.server,
    road,
    ec2,
    scaling,
    balancing,
    instances,
    async described(instance = 'i-1'): Promise<Description> {
      const description = await instances.describe(instance, 'vpc-1', signal())
      if (!description) throw new Error(`Cannot stage ${instance}: the cloud does not know it`)
      return description
    },
    async [Symbol.asyncDispose]() {
      ec2.destroy()
      scaling.destroy()
      balancing.destroy()
      await road.stop()
      await server.stop()
    },
  }
}

export function allow(acl: string, peer: string): Denial {
  return { acl, peer, allowed: true, reason: '' }
}

export function refuse(acl: string, peer: string): Denial {
  return { acl, peer, allowed: false, reason: 'Another interface behind the ACL used the peer within 24 hours' }
}

export function incidentOf(restorePoint: Description, more: Partial<Incident> = {}): Incident {
  return {
    id: 'fb-1',
    instance: restorePoint.instance,
    account: restorePoint.account,
    region: restorePoint.region,
    openedAt: 0,
    drill: false,
    verdict: 'isolate',
    verdictReason: '',
    findings: [],
    findingIds: [],
    restorePoint,
    residual: [],
    denials: [],
    steps: {},
    cut: { state: 'pending', reasons: [] },
    journal: { sequence: 0, hash: '' },
    pending: [],
    ...more,
  }
}

/** The incident as the engine leaves it once a step is done. */
export function afterStep(incident: Incident, step: Step, { done, unable, facts }: Outcome): Incident {
  const copied = Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'object' ? [...fact] : fact]),
  )
  return {
    ...incident,
    cut: { ...incident.cut, at: 1 },
    steps: {
      ...incident.steps,
      [step.id]: {
        status: 'done',
        attempts: 1,
        covers: step.covers?.(incident) ?? '',
        at: 1,
        done: [...done],
        unable: [...unable],
        facts: copied,
        reason: '',
      },
    },
  }
}
