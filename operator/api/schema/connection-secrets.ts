/** `spec.connectionSecrets`: Secrets from which applications take whole connection strings. */
import { identifier, passwordSecretRef } from './shapes.ts';

/** What a template may name, in the words of the Secret's own keys. */
export const PLACEHOLDERS = [
  'user',
  'password',
  'host',
  'port',
  'database',
  'sslmode',
  'direct-host',
  'direct-port',
  'direct-database',
] as const;
/** How it is written; without one of these, as a URL wants it. */
export const FORMS = ['raw', 'quoted', 'json'] as const;

/** Doubled braces stand for themselves. */
const template = `^([^{}]|\\{\\{|\\}\\}|\\{(${PLACEHOLDERS.join('|')})(:(${FORMS.join('|')}))?\\})*$`;

export const connectionSecret = {
  type: 'object',
  description:
    'A Secret that the operator writes and keeps: everything an application needs to connect. Its keys: type, provider, host, port, database, dbname, user, username, password, sslmode, uri, jdbc-uri, pgpass, direct-host, direct-port, direct-database and direct-uri (the way past the pooler); and ca.crt, the authority of the certificate that PgBouncer serves, when the Secret of that certificate holds it.',
  required: ['name', 'user', 'database'],
  properties: {
    name: { ...passwordSecretRef.properties.name, minLength: 1 },
    user: {
      ...identifier,
      description: 'One of spec.users, whose Secret holds the password as plain text.',
    },
    database: {
      ...identifier,
      description: 'What the application asks for: one of spec.databases, or any name when there is a `*`.',
    },
    keys: {
      type: 'object',
      description: `Keys of your own, each a template; one of the same name replaces the operator's. Placeholders: ${PLACEHOLDERS.map((name) => `{${name}}`).join(' ')}, encoded for a URL; {password:raw} as it is, {password:quoted} for a libpq string (host=… password='…'), {password:json} for JSON. {{ and }} are braces.`,
      maxProperties: 32,
      additionalProperties: { type: 'string', maxLength: 2048, pattern: template },
    },
  },
} as const;
