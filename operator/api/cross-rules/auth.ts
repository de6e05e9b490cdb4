/** Rules about `auth` that need neither a version nor a Secret. */
import type { Fault } from '../fault.ts';
import { RESERVED_USERS } from '../names.ts';
import type { CrossRule } from './rule.ts';

const reserved = `[${RESERVED_USERS.map((name) => `'${name}'`).join(', ')}]`;

const consoleUsers = (field: 'adminUsers' | 'statsUsers'): CrossRule => ({
  cel: `!has(self.auth) || !has(self.auth.${field}) || self.auth.${field}.all(u, !(u in ${reserved}))`,
  message: `the users ${RESERVED_USERS.join(', ')} belong to the operator`,
  fieldPath: '.auth',
  check: (spec) =>
    (spec.auth?.[field] ?? []).flatMap((name, index): readonly Fault[] =>
      RESERVED_USERS.includes(name)
        ? [
            {
              path: `spec.auth.${field}[${index}]`,
              value: name,
              problem: 'belongs to the operator',
              remedy: 'name another user',
            },
          ]
        : [],
    ),
});

export const authRules: readonly CrossRule[] = [
  {
    cel: "!has(self.auth) || self.auth.type != 'pam'",
    message:
      'type pam is not there: PgBouncer cannot combine it with access rules, and the login of the operator needs them; use ldap, cert or a password',
    fieldPath: '.auth.type',
    check: (spec) =>
      spec.auth?.type === 'pam'
        ? [
            {
              path: 'spec.auth.type',
              value: 'pam',
              problem: 'cannot be combined with access rules, and the login of the operator needs them',
              remedy: 'use ldap (PgBouncer 1.25 and newer), cert or a password',
            },
          ]
        : [],
  },
  {
    cel: "!has(self.auth) || self.auth.type != 'hba' || has(self.auth.hba)",
    message: 'type hba needs lines in hba: without them nobody could log in',
    fieldPath: '.auth',
    check: (spec) =>
      spec.auth?.type === 'hba' && spec.auth.hba === undefined
        ? [
            {
              path: 'spec.auth.hba',
              problem: 'is missing, and type is hba: nobody could log in',
              remedy: 'give the lines, "host all all 10.0.0.0/8 scram-sha-256", or another type',
            },
          ]
        : [],
  },
  {
    cel: "!has(self.auth) || self.auth.type != 'ldap' || has(self.auth.ldap)",
    message: 'type ldap needs ldap.options: which directory to ask',
    fieldPath: '.auth',
    check: (spec) =>
      spec.auth?.type === 'ldap' && spec.auth.ldap === undefined
        ? [
            {
              path: 'spec.auth.ldap',
              problem: 'is missing, and type is ldap',
              remedy:
                'say in ldap.options which directory to ask: ldapserver, and ldapprefix and ldapsuffix, or ldapbasedn',
            },
          ]
        : [],
  },
  {
    cel: "!has(self.auth) || self.auth.type != 'cert' || has(self.auth.hba) || (has(self.tls) && has(self.tls.client) && self.tls.client.mode in ['verify-ca', 'verify-full'])",
    message: 'type cert needs tls.client.mode verify-full, with the authorities of the clients in caSecretRef',
    fieldPath: '.auth.type',
    check: ({ auth, tls }) =>
      auth?.type === 'cert' &&
      auth.hba === undefined &&
      tls?.client?.mode !== 'verify-ca' &&
      tls?.client?.mode !== 'verify-full'
        ? [
            {
              path: 'spec.auth.type',
              value: 'cert',
              problem: 'asks for certificates that spec.tls does not',
              remedy:
                'set tls.client.mode to verify-full, with secretRef, and caSecretRef for the authorities of the clients',
            },
          ]
        : [],
  },
  consoleUsers('adminUsers'),
  consoleUsers('statsUsers'),
];
