/**
 * Rules that know better than a specification that can be run: each a function from what will be rendered to warnings,
 * in the order in which `validate` prints them. They refuse nothing.
 */
import type { PoolerSpec } from '../api/types.ts';
import type { Warning } from '../api/warning.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import type { Version } from '../pgbouncer/version.ts';
import { notAsked } from './advice/not-asked.ts';
import { outdatedImage } from './advice/outdated-image.ts';
import { sessionPoolTooSmall } from './advice/session-pool-too-small.ts';
import { sessionPoolWithoutSize } from './advice/session-pool-without-size.ts';
import { sessionStateLeaks } from './advice/session-state-leaks.ts';
import { startupParameterDropped } from './advice/startup-parameter-dropped.ts';
import { type Subject, subjectOf } from './advice/subject.ts';
import { warmOnlyLater } from './advice/warm-only-later.ts';

type AdviceRule = (subject: Subject) => readonly Warning[];

export const ADVICE_RULES: readonly AdviceRule[] = [
  outdatedImage,
  sessionPoolTooSmall,
  sessionPoolWithoutSize,
  sessionStateLeaks,
  warmOnlyLater,
  startupParameterDropped,
  notAsked,
];

/** @param ini what was rendered for this spec and version */
export const adviceOn = (spec: PoolerSpec, version: Version, ini: IniFile): readonly Warning[] => {
  const subject = subjectOf(spec, version, ini);
  return ADVICE_RULES.flatMap((rule) => rule(subject));
};
