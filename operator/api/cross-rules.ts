/**
 * The rules between fields that the API server can check: each stands once, as the CEL that the CRD carries and as
 * the TypeScript that `validate` and the operator run. A test feeds both the same objects. Nothing that depends on
 * replicas, versions or the server may stand here, or `kubectl scale` would be refused.
 */
import { authRules } from './cross-rules/auth.ts';
import { backendRules } from './cross-rules/backend.ts';
import { connectionSecretRules } from './cross-rules/connection-secret.ts';
import { credentialRules } from './cross-rules/credential.ts';
import { databaseRules } from './cross-rules/database.ts';
import type { CrossRule } from './cross-rules/rule.ts';
import { tlsRules } from './cross-rules/tls.ts';
import type { Fault } from './fault.ts';
import { adminSecretName, configSecretName } from './names.ts';
import type { PoolerSpec } from './types.ts';

export const CROSS_RULES: readonly CrossRule[] = [
  ...backendRules,
  ...databaseRules,
  ...credentialRules,
  ...authRules,
  ...tlsRules,
  ...connectionSecretRules,
];

/** The Service carries the pooler's name, so the name must be one that a Service may have. */
export const NAME_PATTERN = '^[a-z]([-a-z0-9]*[a-z0-9])?$';
export const NAME_LIMIT = 50;
export const NAME_MESSAGE = `the name becomes the name of a Service: it begins with a letter, holds only a-z, 0-9 and -, and has at most ${NAME_LIMIT} characters`;

/** The names of the operator's own Secrets follow from the pooler's. No `+`: its cost grows with a name that has no limit in metadata. */
export const SECRET_NAMES_RULE =
  "!has(self.spec.connectionSecrets) || self.spec.connectionSecrets.all(s, (!s.name.endsWith('-admin') || s.name.substring(0, s.name.size() - 6) != self.metadata.name) && (!s.name.contains('-config-') || (s.name.substring(0, s.name.indexOf('-config-')) != self.metadata.name && s.name.substring(0, s.name.lastIndexOf('-config-')) != self.metadata.name)))";
export const SECRET_NAMES_MESSAGE =
  'a connection Secret cannot be called <pooler>-admin or <pooler>-config-…: these are the Secrets of the operator';

/** Connection Secrets that would be the operator's own. */
export function checkSecretNames(pooler: string, spec: PoolerSpec): readonly Fault[] {
  return (spec.connectionSecrets ?? []).flatMap(({ name }, index) =>
    name === adminSecretName(pooler) || name.startsWith(configSecretName(pooler, ''))
      ? [
          {
            path: `spec.connectionSecrets[${index}].name`,
            value: name,
            problem: "is the name of one of the operator's own Secrets",
            remedy: 'choose another name',
          },
        ]
      : [],
  );
}

/** What is wrong with the pooler's own name. */
export function checkName(name: string): readonly Fault[] {
  return new RegExp(NAME_PATTERN).test(name) && name.length <= NAME_LIMIT
    ? []
    : [{ path: 'metadata.name', value: name, problem: 'cannot be the name of a Service', remedy: NAME_MESSAGE }];
}
