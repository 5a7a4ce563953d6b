import * as z from 'zod'
import { InputError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { EventSource } from '../../core/source.ts'
import { address, parseRecord, port, seconds, text } from '../envelopes/fields.ts'
import { instanceOf, kindOfType } from '../envelopes/finding-types.ts'
import { headOfText } from '../envelopes/head.ts'

const WHAT = 'Security Hub finding'

const optionalAddress = address.nullish().catch(undefined)

/** ASFF (Security Hub User Guide, "AWS Security Finding Format"), as far as it is read. */
const Finding = z.object({
  Types: z.array(text).max(50).default([]),
  Title: text.default(''),
  UpdatedAt: seconds.optional(),
  Sample: z.boolean().nullish(),
  RecordState: z.string().max(32).nullish(),
  Workflow: z.object({ Status: z.string().max(32).nullish() }).nullish(),
  ProductFields: z.record(z.string(), z.string()).nullish(),
  Resources: z.array(z.object({ Type: z.string().max(128), Id: z.string().max(2048) })).max(1000),
  Network: z
    .object({
      Direction: z.string().max(8).nullish(),
      Protocol: z.string().max(16).nullish(),
      SourceIpV4: optionalAddress,
      SourceIpV6: optionalAddress,
      SourcePort: port.nullish(),
      DestinationIpV4: optionalAddress,
      DestinationIpV6: optionalAddress,
      DestinationPort: port.nullish(),
    })
    .nullish(),
})
type Finding = z.infer<typeof Finding>

const Detail = z.object({ findings: z.array(z.unknown()).max(1000) })

/**
 * Findings that Security Hub passes on from any product: an alert for each instance that one names. Samples, archived and
 * settled findings are passed over.
 */
export const awsSecurityHub: EventSource = {
  id: 'aws-security-hub',
  takes: ({ source, type }) => source === 'aws.securityhub' && type === 'Security Hub Findings - Imported',
  decode(event, sink) {
    const { findings } = parseRecord(Detail, event.detail, WHAT)
    findings.forEach((given, index) => {
      try {
        const finding = parseRecord(Finding, given, WHAT)
        if (isCurrent(finding)) emit(finding, Math.floor(finding.UpdatedAt ?? event.time), sink)
      } catch (thrown) {
        if (!(thrown instanceof InputError)) throw thrown
        sink.reject({
          position: `finding ${index}`,
          reason: thrown.message,
          ...headOfText(JSON.stringify(given) ?? ''),
        })
      }
    })
  },
}

function isCurrent({ Sample, RecordState, Workflow, ProductFields }: Finding): boolean {
  const sample = Sample === true || ProductFields?.['aws/guardduty/service/additionalInfo/sample'] === 'true'
  const settled = RecordState === 'ARCHIVED' || Workflow?.Status === 'SUPPRESSED' || Workflow?.Status === 'RESOLVED'
  return !sample && !settled
}

function emit({ Types, Title, Resources, Network: network }: Finding, time: number, sink: Sink): void {
  const types = Types.map(typeOf)
  const type = types.find(one => kindOfType(one) !== 'other') ?? types[0] ?? ''
  const ids = Resources.filter(({ Type }) => Type === 'AwsEc2Instance').map(({ Id }) => instanceOf(Id))
  for (const instance of new Set(ids.filter(id => id !== undefined)))
    sink.alert({
      kind: kindOfType(type),
      rule: `${type} ${Title}`.slice(0, 256),
      source: network?.SourceIpV4 ?? network?.SourceIpV6 ?? '',
      sourcePort: network?.SourcePort ?? 0,
      destination: network?.DestinationIpV4 ?? network?.DestinationIpV6 ?? '',
      destinationPort: network?.DestinationPort ?? 0,
      protocol: network?.Protocol?.toUpperCase() === 'UDP' ? 17 : 6,
      blocked: false,
      instance,
      firewall: undefined,
      time,
    })
}

/** The last part of a taxonomy path is the product's own type: `TTPs/Command and Control/CryptoCurrency:EC2-BitcoinTool.B`. */
function typeOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace('-', '/')
}
