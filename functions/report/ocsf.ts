import type { Finding } from '../core/finding.ts'
import type { Signal } from '../core/signal.ts'
import { caseFor, cut, nextSteps, rulesAgainst, severityOf, spanOf, type Telling, titleOfFinding } from './standards.ts'

/** The version of the schema that is followed: https://schema.ocsf.io/1.3.0/classes/detection_finding */
const OCSF_VERSION = '1.3.0'
const CLASS = 2004
const ACTIVITIES = { create: 1, update: 2, close: 3 } as const
const SEVERITIES = { low: 2, medium: 3, high: 4, critical: 5 } as const
const CONFIDENCES = { watch: 1, alert: 2, isolate: 3 } as const
const OUTBOUND = 2
/** `analytic.type_id`. */
const RULE = 1

/** A finding as OCSF Detection Finding (class 2004, category 2), with the cloud profile. Hostile text is in it. */
export function detectionFinding(finding: Finding, telling: Telling, activity: keyof typeof ACTIVITIES = 'create') {
  const { first, last } = spanOf(finding)
  const [strongest, ...others] = rulesAgainst(finding, telling).map(({ id, title }) => ({
    uid: id,
    name: title,
    type_id: RULE,
  }))
  return {
    activity_id: ACTIVITIES[activity],
    category_uid: 2,
    class_uid: CLASS,
    type_uid: CLASS * 100 + ACTIVITIES[activity],
    time: finding.at,
    start_time: first,
    end_time: last,
    severity_id: SEVERITIES[severityOf(finding, telling)],
    confidence_id: CONFIDENCES[finding.decision],
    confidence_score: Math.max(0, Math.min(100, finding.score)),
    status_id: activity === 'close' ? 4 : 1,
    message: titleOfFinding(finding, telling),
    metadata: {
      version: OCSF_VERSION,
      profiles: ['cloud'],
      product: { name: 'Firebreak', vendor_name: 'Firebreak', version: telling.version },
      uid: finding.id,
      ...(finding.drill && { labels: ['drill'] }),
    },
    cloud: {
      provider: telling.provider === 'aws' ? 'AWS' : 'Alibaba Cloud',
      account: { uid: finding.account },
      region: finding.region,
    },
    finding_info: {
      uid: finding.id,
      title: titleOfFinding(finding, telling),
      desc: cut(caseFor(finding, telling), 8192),
      created_time: finding.at,
      first_seen_time: first,
      last_seen_time: last,
      ...(strongest && { analytic: strongest }),
      ...(others.length > 0 && { related_analytics: others }),
      attacks: attacksOf(finding.signals),
    },
    evidences: finding.signals.map(evidenceOf),
    resources: [
      {
        uid: finding.instance,
        type: telling.provider === 'aws' ? 'AWS::EC2::Instance' : 'ACS::ECS::Instance',
        region: finding.region,
      },
    ],
    remediation: { desc: nextSteps(finding, telling) || 'Look at the signals and decide' },
  }
}

function attacksOf(signals: readonly Signal[]) {
  const techniques = new Set(signals.flatMap(({ technique }) => technique ?? []))
  return [...techniques].map(uid => {
    const [parent = uid, sub] = uid.split('.')
    return { technique: { uid: parent }, ...(sub !== undefined && { sub_technique: { uid } }) }
  })
}

/** What one signal rests on: the connection where it has one, and always what the rule said. */
function evidenceOf({ rule, family, points, peer, port, protocol, name, first, last, detail }: Signal) {
  return {
    data: { rule, family, points, detail, first_seen_time: first * 1000, last_seen_time: last * 1000 },
    ...(peer !== undefined && {
      connection_info: { direction_id: OUTBOUND, ...(protocol !== undefined && { protocol_num: protocol }) },
      dst_endpoint: { ip: peer, ...(port !== undefined && { port }), ...(name !== undefined && { domain: name }) },
    }),
  }
}
