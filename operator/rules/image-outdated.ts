/**
 * ImageOutdated: the image that runs, or is about to, holds a PgBouncer with known security holes, or an older one than
 * the operator would take for a new pooler. Nothing is replaced for it: an image changes when a person says so.
 */
import { cvesOf } from '../pgbouncer/cves.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import type { Finding, Situation } from './situation.ts';

export function imageOutdated({ image }: Situation): Finding {
  if (image === undefined)
    return {
      status: 'Unknown',
      reason: 'NotDeployed',
      message: 'there is no Deployment yet whose image could be told',
    };
  const version = formatVersion(image.version);
  const cves = cvesOf(image.version);
  const [newest] = cves;
  if (newest !== undefined) {
    return {
      status: 'True',
      reason: 'KnownVulnerabilities',
      message: `${image.image} holds PgBouncer ${version}, which has ${cves.map(({ id, what }) => `${id} (${what})`).join(', ')}; set spec.image to one of PgBouncer ${newest.fixed} or newer`,
    };
  }
  if (image.newerDefault !== undefined) {
    return {
      status: 'True',
      reason: 'NewerDefault',
      message: `${image.image} holds PgBouncer ${version}, and new poolers get ${image.newerDefault}; set spec.image to that`,
    };
  }
  return {
    status: 'False',
    reason: 'UpToDate',
    message: `PgBouncer ${version} has no security hole that this operator knows of`,
  };
}
