/** Rules about encryption: which certificate is served, and by whom those of others are verified. */
import type { Fault } from '../fault.ts';
import type { PoolerSpec } from '../types.ts';
import type { CrossRule } from './rule.ts';

const one = (wrong: boolean, fault: Fault): readonly Fault[] => (wrong ? [fault] : []);
const verifies = (mode: string | undefined): boolean => mode === 'verify-ca' || mode === 'verify-full';
const client = (spec: PoolerSpec) => spec.tls?.client;
const server = (spec: PoolerSpec) => spec.tls?.server;

const NO_CLIENT = '!has(self.tls) || !has(self.tls.client)';
const NO_SERVER = '!has(self.tls) || !has(self.tls.server)';
const VERIFYING = "['verify-ca', 'verify-full']";

export const tlsRules: readonly CrossRule[] = [
  {
    cel: `${NO_CLIENT} || self.tls.client.mode == 'disable' || has(self.tls.client.secretRef) || has(self.tls.client.certificate)`,
    message: 'clients that are to find TLS need a certificate: give secretRef, or certificate for one by cert-manager',
    fieldPath: '.tls.client',
    check: (spec) =>
      one(
        client(spec) !== undefined &&
          client(spec)?.mode !== 'disable' &&
          client(spec)?.secretRef === undefined &&
          client(spec)?.certificate === undefined,
        {
          path: 'spec.tls.client',
          value: client(spec)?.mode,
          problem: 'is a mode that needs a certificate to serve, and there is none',
          remedy: 'give secretRef (a Secret of type kubernetes.io/tls), or certificate for one by cert-manager',
        },
      ),
  },
  {
    cel: `${NO_CLIENT} || !has(self.tls.client.secretRef) || !has(self.tls.client.certificate)`,
    message: 'the certificate that is served comes from secretRef or from certificate, not from both',
    fieldPath: '.tls.client',
    check: (spec) =>
      one(client(spec)?.secretRef !== undefined && client(spec)?.certificate !== undefined, {
        path: 'spec.tls.client',
        problem: 'has both secretRef and certificate',
        remedy: 'keep secretRef for a certificate of your own, or certificate for one by cert-manager',
      }),
  },
  {
    cel: `${NO_CLIENT} || !(self.tls.client.mode in ${VERIFYING}) || has(self.tls.client.caSecretRef)`,
    message: 'a mode that verifies client certificates needs caSecretRef, their authorities',
    fieldPath: '.tls.client',
    check: (spec) =>
      one(verifies(client(spec)?.mode) && client(spec)?.caSecretRef === undefined, {
        path: 'spec.tls.client.caSecretRef',
        problem: `is missing, and mode ${client(spec)?.mode} verifies client certificates`,
        remedy: 'give the Secret and key with the certificates of their authorities, or use mode require',
      }),
  },
  {
    cel: `${NO_SERVER} || !(self.tls.server.mode in ${VERIFYING}) || has(self.tls.server.caSecretRef) || (has(self.tls.server.caSecretRefs) && size(self.tls.server.caSecretRefs) > 0)`,
    message: 'a mode that verifies servers needs caSecretRef, their authorities',
    fieldPath: '.tls.server',
    check: (spec) =>
      one(
        verifies(server(spec)?.mode) &&
          server(spec)?.caSecretRef === undefined &&
          (server(spec)?.caSecretRefs ?? []).length === 0,
        {
          path: 'spec.tls.server.caSecretRef',
          problem: `is missing, and mode ${server(spec)?.mode} verifies servers`,
          remedy: 'give the Secret and key with the certificates of their authorities, or use mode require',
        },
      ),
  },
  ...(['client', 'server'] as const).map(
    (side): CrossRule => ({
      cel: `!has(self.tls) || !has(self.tls.${side}) || !has(self.tls.${side}.minVersion) || !has(self.tls.${side}.maxVersion) || self.tls.${side}.minVersion <= self.tls.${side}.maxVersion`,
      message: 'minVersion is newer than maxVersion, so that no TLS is left',
      fieldPath: `.tls.${side}`,
      check: (spec) => {
        const { minVersion, maxVersion } = spec.tls?.[side] ?? {};
        return one(minVersion !== undefined && maxVersion !== undefined && minVersion > maxVersion, {
          path: `spec.tls.${side}.minVersion`,
          value: minVersion,
          problem: `is newer than maxVersion ${maxVersion}, so that no TLS is left`,
          remedy: 'make it older, or maxVersion newer',
        });
      },
    }),
  ),
];
