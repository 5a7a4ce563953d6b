import type { Cloud, Instance } from '../cloud.ts'
import { find, INSTANCE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** What GetConsoleOutput gives at most, in bytes. */
const MAX_OUTPUT = 65_536

/** Families before Nitro, which have no latest output (EC2 User Guide, "Instances built on the AWS Nitro System"). */
const XEN = /^(?:t1|t2|m1|m2|m3|m4|c1|c3|c4|r3|r4|i2|i3|d2|g2|g3|p2|p3|x1|x1e)\./

/** One pixel. */
const SCREEN =
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z'

export function getConsoleOutput(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const latest = parameters.flag('Latest') ?? false
  parameters.permitted()
  if (latest && XEN.test(instance.type))
    throw new Refusal(
      'UnsupportedOperation',
      'This instance type does not support retrieving the latest console logs. Please use an instance type built on the Nitro System.',
    )
  const text = instance.console ?? boot(cloud, instance)
  return {
    instanceId: instance.id,
    timestamp: new Date(latest ? now : instance.launchedAt),
    output: Buffer.from(text).subarray(-MAX_OUTPUT).toString('base64'),
  }
}

export function getConsoleScreenshot(cloud: Cloud, parameters: Parameters): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  parameters.permitted()
  if (instance.state !== 'running')
    throw new Refusal('IncorrectInstanceState', `The instance '${instance.id}' is not in the 'running' state`)
  return { instanceId: instance.id, imageData: SCREEN }
}

/** What an instance shows that nobody has touched. */
function boot({ region }: Cloud, { id, type, launchedAt, tags }: Instance): string {
  const at = new Date(launchedAt).toUTCString()
  return [
    '[    0.000000] Linux version 6.12.40-64.114.amzn2023.x86_64 (mockbuild@builder)',
    '[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=/dev/nvme0n1p1 console=tty0 console=ttyS0,115200n8',
    `[    0.000000] DMI: Amazon EC2 ${type}/, BIOS 1.0 10/16/2017`,
    '[    0.812345] nvme nvme0: pci function 0000:00:04.0',
    '[    2.104211] ena 0000:00:05.0 ens5: renamed from eth0',
    `cloud-init[1534]: Cloud-init v. 22.2.2 running 'modules:final' at ${at}. Datasource DataSourceEc2. Up 9.81 seconds`,
    `Amazon Linux 2023 on ${region}, ${tags['Name'] ?? id}`,
    'login: ',
  ].join('\r\n')
}
