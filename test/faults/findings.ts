import { createHash } from 'node:crypto'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'

export const PEER = { address: '203.0.113.9', port: 22, protocol: 6 }

/** What watch would find of an instance now. Each seed makes another finding; by default one that cuts it by itself. */
export function findingOf(
  { built, clock }: Deployment,
  instance: string,
  { seed = '', ...given }: Partial<Finding> & { readonly seed?: string } = {},
): Finding {
  const at = clock.now()
  const { interfaces, subnets } = built.cloud
  const held = [...interfaces.values()].filter(one => one.instance === instance)
  const placement = {
    vpc: held[0]?.vpc ?? '',
    interfaces: held.map(({ id, subnet }) => ({ id, subnet, acl: subnets.get(subnet)?.acl ?? '' })),
  }
  const seen = { first: at / 1000 - 60, last: at / 1000 }
  return {
    ...{ at, instance, decision: 'isolate', score: 120, peers: [PEER], exhibits: [], drill: false },
    ...{ account: built.cloud.account, region: built.cloud.region },
    placement,
    id: createHash('sha256').update(`${instance} ${at} ${seed}`).digest('hex'),
    signals: [{ rule: 'reverse-tunnel', family: 'identity', points: 120, own: true, detail: '', ...seen }],
    ...given,
  }
}

/** Sends findings into the lanes of their instances, as watch does. */
export async function sendFindings(deployment: Deployment, findings: readonly Finding[]): Promise<void> {
  const adapters = awsAdapters('watch', deployment.environmentOf('watch'), deployment.clock)
  try {
    const next = findings.values()
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const finding of next)
          await adapters.queue.send({ lane: finding.instance, id: finding.id, order: { kind: 'finding', finding } })
      }),
    )
  } finally {
    adapters.close()
  }
}
