import { createHash, randomBytes } from 'node:crypto'
import { Refusal } from '../ec2/refusal.ts'

/** As `x-amz-object-lock-mode` words it. */
type LockMode = 'GOVERNANCE' | 'COMPLIANCE'

export interface StoredObject {
  /** Only in a bucket that keeps versions. */
  version?: string
  bytes: Buffer
  type: string
  /** Virtual milliseconds. */
  storedAt: number
  /** Base64, where it came with one. */
  sha256?: string
  /** ARN of the key that it is encrypted with, where it is not S3's own. */
  key?: string
  lock?: { mode: LockMode; until: number }
}

export interface Bucket {
  name: string
  /** Object lock is enabled, and with it versions; `mode` and `days` where the bucket has a default retention. */
  lock?: { mode?: LockMode; days?: number }
  /** By key, oldest version first. */
  objects: Map<string, StoredObject[]>
}

const DAY_MS = 86_400_000

/** What a request says of an object that it puts, by its headers. */
export type Headers = Readonly<Record<string, string>>

export function putObject(bucket: Bucket, key: string, bytes: Buffer, headers: Headers, now: number): StoredObject {
  const standing = bucket.objects.get(key) ?? []
  const condition = headers['if-none-match']
  if (condition !== undefined && condition !== '*')
    throw new Refusal('NotImplemented', 'A header you provided implies functionality that is not implemented', 501)
  const sha256 = checkedDigest(bytes, headers)
  const lock = lockOf(bucket, headers, now)
  if (condition === '*' && standing.length > 0)
    throw new Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412)
  const sealing = headers['x-amz-server-side-encryption-aws-kms-key-id']
  const stored: StoredObject = {
    ...(bucket.lock ? { version: randomBytes(16).toString('base64url') } : {}),
    bytes,
    type: headers['content-type'] ?? 'binary/octet-stream',
    storedAt: now,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(sealing === undefined ? {} : { key: sealing }),
    ...(lock ? { lock } : {}),
  }
  bucket.objects.set(key, bucket.lock ? [...standing, stored] : [stored])
  return stored
}

/** The digest that came with it, if it is that of the bytes (S3 User Guide, "Checking object integrity"). */
function checkedDigest(bytes: Buffer, headers: Headers): string | undefined {
  const digest = createHash('sha256').update(bytes)
  const [hex, base64] = [digest.copy().digest('hex'), digest.digest('base64')]
  const signed = headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
  if (/^[0-9a-f]{64}$/.test(signed) && signed !== hex)
    throw new Refusal(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
  const given = headers['x-amz-checksum-sha256']
  if (given === undefined) return undefined
  if (!/^[A-Za-z0-9+/]{43}=$/.test(given))
    throw new Refusal('InvalidRequest', 'Value for x-amz-checksum-sha256 header is invalid.')
  if (given !== base64)
    throw new Refusal('BadDigest', 'The SHA256 you specified did not match the calculated checksum.')
  return given
}

function lockOf(bucket: Bucket, headers: Headers, now: number): StoredObject['lock'] {
  const [mode, date] = [headers['x-amz-object-lock-mode'], headers['x-amz-object-lock-retain-until-date']]
  if (mode === undefined && date === undefined) {
    const { mode: usual, days = 0 } = bucket.lock ?? {}
    return usual && { mode: usual, until: now + days * DAY_MS }
  }
  if (!bucket.lock) throw new Refusal('InvalidRequest', 'Bucket is missing Object Lock Configuration')
  if ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || date === undefined)
    throw new Refusal(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    )
  if (!Object.keys(headers).some(name => name === 'content-md5' || name.startsWith('x-amz-checksum-')))
    throw new Refusal(
      'InvalidRequest',
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    )
  const until = Date.parse(date)
  if (!(until > now)) throw new Refusal('InvalidArgument', 'The retain until date must be in the future!')
  return { mode, until }
}

/** The newest, or the version that is named. */
export function objectIn({ objects }: Bucket, key: string, version?: string): StoredObject | undefined {
  const versions = objects.get(key) ?? []
  return version === undefined ? versions.at(-1) : versions.find(one => one.version === version)
}
