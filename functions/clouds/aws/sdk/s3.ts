/** Imported when first needed, so that the cut's start does not read it (infra/aws/artifacts.ts makes a file of it). */
export {
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
