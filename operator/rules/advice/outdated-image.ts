/** The PgBouncer in the image has security holes that are known: all of them are named, with the version that has none. */
import { type Warning, warning } from '../../api/warning.ts';
import { cvesOf } from '../../pgbouncer/cves.ts';
import { formatVersion } from '../../pgbouncer/version.ts';
import type { Subject } from './subject.ts';

export function outdatedImage({ spec, version }: Subject): readonly Warning[] {
  const cves = cvesOf(version);
  const [newest] = cves;
  if (newest === undefined) return [];
  return [
    warning('ImageOutdated', {
      path: 'spec.image',
      ...(spec.image === undefined ? {} : { value: spec.image }),
      problem: `holds PgBouncer ${formatVersion(version)}, which has ${cves.map(({ id }) => id).join(', ')} (${newest.what})`,
      remedy: `use an image of PgBouncer ${newest.fixed} or newer`,
    }),
  ];
}
