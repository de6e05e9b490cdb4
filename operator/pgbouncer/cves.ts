/**
 * Known security holes of PgBouncer, by version: from its changelog and the records of its CVE numbers. Two that need a
 * setting which the operator never renders are not among them: CVE-2026-107348 (max_packet_size beyond 2 GiB) and
 * CVE-2026-107349 (ignore_startup_parameters without `options`).
 */
import { atLeast, type Version } from './version.ts';

export interface Cve {
  readonly id: string;
  /** The first supported version that has it; absent: all before `fixed`. */
  readonly since?: string;
  readonly fixed: string;
  /** Who can do what, in half a sentence. */
  readonly what: string;
}

/** Newest first, so that the version which closes all of a version's holes stands first. */
export const CVES: readonly Cve[] = [
  {
    id: 'CVE-2026-107350',
    fixed: '1.26.1',
    what: 'whoever knows the password of one user of the userlist can log in as any other, by SCRAM',
  },
  {
    id: 'CVE-2026-6668',
    fixed: '1.26.0',
    what: 'a client that is not logged in can make PgBouncer spin for ever',
  },
  { id: 'CVE-2026-6669', fixed: '1.26.0', what: 'a malicious server can keep PgBouncer busy for ever' },
  { id: 'CVE-2026-6664', fixed: '1.25.2', what: 'a client that is not logged in can crash PgBouncer' },
  { id: 'CVE-2026-6665', fixed: '1.25.2', what: "a malicious server can overflow PgBouncer's stack" },
  { id: 'CVE-2026-6666', fixed: '1.25.2', what: 'a malicious server can crash PgBouncer' },
  {
    id: 'CVE-2026-6667',
    since: '1.24.0',
    fixed: '1.25.2',
    what: 'whoever may see the statistics can disconnect any client',
  },
  {
    id: 'CVE-2025-12819',
    since: '1.20.0',
    fixed: '1.25.1',
    what: 'a client that is not logged in can change what a lookup of passwords runs, when search_path is tracked',
  },
  {
    id: 'CVE-2025-2291',
    fixed: '1.24.1',
    what: 'expired passwords are taken by the default lookup of passwords',
  },
];

/** Those that this version has, newest first. */
export const cvesOf = (version: Version): readonly Cve[] =>
  CVES.filter(({ since, fixed }) => !atLeast(version, fixed) && (since === undefined || atLeast(version, since)));
