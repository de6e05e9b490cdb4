/** `spec.tls`: encryption on both sides of PgBouncer. It knows one set of settings for all clients, and one for all servers. */
import { secretKey, secretName } from './shapes.ts';

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

const tlsSecretRef = (description: string) =>
  ({
    type: 'object',
    description,
    required: ['name'],
    properties: { name: { ...secretName, description: 'Name of the Secret, with the keys tls.crt and tls.key.' } },
  }) as const;

const caSecretRef = (description: string) =>
  ({
    type: 'object',
    description,
    required: ['name', 'key'],
    properties: {
      name: { ...secretName, description: 'Name of the Secret.' },
      key: { ...secretKey, description: 'Key inside the Secret: one or several certificates in PEM.' },
    },
  }) as const;

const version = { type: 'string', enum: ['1.2', '1.3'] } as const;
const ciphers = { type: 'string', minLength: 1, maxLength: 1024 } as const;

const choices = (side: 'client' | 'server') =>
  ({
    minVersion: { ...version, description: `The oldest TLS that is spoken (${side}_tls_protocols); default: 1.2.` },
    maxVersion: { ...version, description: `The newest TLS that is spoken (${side}_tls_protocols); default: 1.3.` },
    ciphers: {
      ...ciphers,
      pattern: '^[A-Za-z0-9_+!@=.:,-]+$',
      description: `What TLS 1.2 is encrypted with, as OpenSSL lists it (${side}_tls_ciphers).`,
    },
    tls13Ciphers: {
      ...ciphers,
      pattern: '^[A-Z0-9_:]+$',
      description: `What TLS 1.3 is encrypted with (${side}_tls13_ciphers, PgBouncer 1.25 and newer).`,
    },
  }) as const;

const name = { type: 'string', minLength: 1, maxLength: 253 } as const;

export const tls = {
  type: 'object',
  description: 'Encryption. What it refers to is checked before it is handed out, and rotated without a restart.',
  properties: {
    client: {
      type: 'object',
      description: 'Between clients and PgBouncer. Absent: not encrypted.',
      required: ['mode'],
      properties: {
        mode: {
          type: 'string',
          enum: modes,
          description:
            'disable; allow and prefer: for clients that ask for it; require: nobody is let in without; verify-ca and verify-full: nor without a certificate of caSecretRef (client_tls_sslmode).',
        },
        secretRef: tlsSecretRef('The certificate that is served: a Secret of type kubernetes.io/tls.'),
        certificate: {
          type: 'object',
          description:
            'The certificate that is served is issued by cert-manager, for the names of the Service, in place of secretRef.',
          required: ['issuerRef'],
          properties: {
            issuerRef: {
              type: 'object',
              description: "Who issues it: an Issuer of the pooler's namespace, or a ClusterIssuer.",
              required: ['name'],
              properties: {
                name: { ...name, description: 'Name of the issuer.' },
                kind: {
                  ...name,
                  default: 'Issuer',
                  description: 'Issuer or ClusterIssuer, or a kind of another group.',
                },
                group: { ...name, default: 'cert-manager.io', description: 'API group of the issuer.' },
              },
            },
            dnsNames: {
              type: 'array',
              description: 'More names that clients use, beside those of the Service.',
              maxItems: 64,
              'x-kubernetes-list-type': 'set',
              items: {
                type: 'string',
                maxLength: 253,
                pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
              },
            },
          },
        },
        caSecretRef: caSecretRef(
          'The authorities of client certificates (client_tls_ca_file), for verify-ca and verify-full.',
        ),
        ...choices('client'),
      },
    },
    server: {
      type: 'object',
      description:
        'Between PgBouncer and all its servers. Absent: prefer, which encrypts where the server can, and verifies nothing.',
      required: ['mode'],
      properties: {
        mode: {
          type: 'string',
          enum: modes,
          description:
            "verify-ca: only servers with a certificate of these authorities; verify-full: and with the backend's host in it; the others verify nothing (server_tls_sslmode).",
        },
        caSecretRef: caSecretRef('The authorities of the servers (server_tls_ca_file), for verify-ca and verify-full.'),
        caSecretRefs: {
          type: 'array',
          description:
            'More authorities: those of several backends make one bundle, in which PgBouncer trusts each for every backend.',
          maxItems: 16,
          'x-kubernetes-list-type': 'atomic',
          items: caSecretRef('One bundle of authorities.'),
        },
        certificateSecretRef: tlsSecretRef(
          'The certificate that PgBouncer shows to servers which ask for one: a Secret of type kubernetes.io/tls.',
        ),
        ...choices('server'),
      },
    },
  },
} as const;
