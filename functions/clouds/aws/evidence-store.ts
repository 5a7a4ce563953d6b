import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import type { EvidenceFile } from '../../core/evidence.ts'
import type { Permission } from '../../core/ports.ts'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import { codeOf, statusOf } from './faults.ts'

export interface BucketSettings {
  readonly bucket: string
  /** Of every key; empty, or with `/` at its end. */
  readonly prefix: string
  /** ARN of the key that objects are encrypted with; absent: as the bucket is set. */
  readonly key?: string | undefined
}

type Digest = Pick<EvidenceFile, 'bytes' | 'sha256' | 'version'>

/** How a bucket keeps what is put into it: with a lock that each object must ask for, with one of its own, or not at all. */
export type BucketLock = 'asked' | 'default' | 'none'

/** A bucket in which a file is written once. */
export interface EvidenceStore {
  lockOf(bucket: string, signal: AbortSignal): Promise<BucketLock>
  /** `undefined`: nothing stands there. Of an object that came without a SHA-256 the digest is empty. */
  find(bucket: string, key: string, version: string | undefined, signal: AbortSignal): Promise<Digest | undefined>
  /** Returns the version that it became, or `undefined` where something stands there already, which is left as it is. */
  put(
    to: {
      readonly bucket: string
      readonly key: string
      /** ARN of the key that it is encrypted with; absent: as the bucket is set. */
      readonly encryption: string | undefined
      readonly until: Date | undefined
    },
    file: { readonly bytes: Uint8Array; readonly sha256: string; readonly type: string },
    signal: AbortSignal,
  ): Promise<{ readonly version?: string } | undefined>
  destroy(): void
}

/** The client is loaded at the first call, which stands behind the cut. */
export function evidenceStore(environment: Environment, options: ClientOptions = {}): EvidenceStore {
  let client: S3Client | undefined

  async function open() {
    const sdk = await import('./sdk/s3.ts')
    const settings = connection(environment, 'S3', { requestTimeout: 30_000, ...options })
    // An endpoint of one's own has no host for each bucket.
    client ??= new sdk.S3Client({ ...settings, ...('endpoint' in settings ? { forcePathStyle: true } : {}) })
    return { sdk, client }
  }

  return {
    async lockOf(bucket, abortSignal) {
      const { sdk, client } = await open()
      try {
        const { ObjectLockConfiguration } = await client.send(
          new sdk.GetObjectLockConfigurationCommand({ Bucket: bucket }),
          { abortSignal },
        )
        if (ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') return 'none'
        return ObjectLockConfiguration.Rule?.DefaultRetention ? 'default' : 'asked'
      } catch (thrown) {
        if (codeOf(thrown) !== 'ObjectLockConfigurationNotFoundError') throw thrown
        return 'none'
      }
    },

    async find(bucket, key, version, abortSignal) {
      const { sdk, client } = await open()
      let answer: HeadObjectCommandOutput
      try {
        answer = await client.send(
          new sdk.HeadObjectCommand({
            Bucket: bucket,
            Key: key,
            ChecksumMode: 'ENABLED',
            ...(version === undefined ? {} : { VersionId: version }),
          }),
          { abortSignal },
        )
      } catch (thrown) {
        if (statusOf(thrown) !== 404) throw thrown
        return undefined
      }
      const { ContentLength: bytes = 0, ChecksumSHA256 = '', VersionId } = answer
      return {
        bytes,
        sha256: Buffer.from(ChecksumSHA256, 'base64').toString('hex'),
        ...(VersionId === undefined ? {} : { version: VersionId }),
      }
    },

    async put({ bucket, key, encryption, until }, { bytes, sha256, type }, abortSignal) {
      const { sdk, client } = await open()
      try {
        const { VersionId } = await client.send(
          new sdk.PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: bytes,
            ContentType: type,
            // S3 counts it itself and takes nothing else.
            ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
            IfNoneMatch: '*',
            ...(encryption === undefined ? {} : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryption }),
            ...(until === undefined ? {} : { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until }),
          }),
          { abortSignal },
        )
        return VersionId === undefined ? {} : { version: VersionId }
      } catch (thrown) {
        if (codeOf(thrown) !== 'PreconditionFailed') throw thrown
        return undefined
      }
    },

    destroy: () => client?.destroy(),
  }
}

/** To look at what is kept. Without the right to list S3 says of a missing object only that access is denied. */
export function findPermissions({ bucket, prefix, key }: BucketSettings): Permission[] {
  return [
    { actions: ['s3:ListBucket'], resources: [`arn:aws:s3:::${bucket}`] },
    { actions: ['s3:GetObject', 's3:GetObjectVersion'], resources: [`arn:aws:s3:::${bucket}/${prefix}*`] },
    // For the checksum of an object that it encrypts (HeadObject, ChecksumMode).
    ...(key === undefined ? [] : [{ actions: ['kms:Decrypt'], resources: [key] }]),
  ]
}

export function putPermissions({ bucket, prefix, key }: BucketSettings): Permission[] {
  return [
    { actions: ['s3:GetBucketObjectLockConfiguration'], resources: [`arn:aws:s3:::${bucket}`] },
    { actions: ['s3:PutObject', 's3:PutObjectRetention'], resources: [`arn:aws:s3:::${bucket}/${prefix}*`] },
    ...(key === undefined ? [] : [{ actions: ['kms:GenerateDataKey'], resources: [key] }]),
  ]
}
