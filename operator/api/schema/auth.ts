/** `spec.auth`: how clients log in, and from where their passwords come. */
import { lookup, noControlCharacters, secretKeyRef } from './shapes.ts';

/** Stands in lists that PgBouncer divides at commas and spaces. */
const listedName = {
  type: 'string',
  minLength: 1,
  maxLength: 63,
  pattern: '^[!-+\\--~]+$',
} as const;

export const auth = {
  type: 'object',
  description: 'How clients log in, and from where their passwords come.',
  properties: {
    type: {
      type: 'string',
      enum: ['scram-sha-256', 'md5', 'hba', 'cert', 'plain', 'trust', 'ldap', 'pam'],
      default: 'scram-sha-256',
      description:
        "What clients are asked for (auth_type). md5 also lets SCRAM clients in when the stored secret is one. hba: what `hba` says, line by line. cert: a client certificate whose common name is the user. plain: the password in clear text. trust: nothing at all. ldap: what `ldap` says (PgBouncer 1.25 and newer). pam is refused: PgBouncer cannot combine it with access rules, and the operator's own login needs them.",
    },
    hba: {
      type: 'array',
      description:
        'Access rules, each as a line of pg_hba.conf: `hostssl all app 10.0.0.0/8 scram-sha-256`. They come after those of the operator and replace what `type` would mean: whoever no line matches is turned away.',
      minItems: 1,
      maxItems: 128,
      items: { type: 'string', minLength: 1, maxLength: 512, pattern: noControlCharacters },
    },
    ident: {
      type: 'array',
      description:
        'Maps from the names of certificates to users, each as a line of pg_ident.conf: `clients app.example.com app`. A line of `hba` uses them with `cert map=clients` (auth_ident_file, PgBouncer 1.23 and newer).',
      minItems: 1,
      maxItems: 256,
      items: { type: 'string', minLength: 1, maxLength: 512, pattern: noControlCharacters },
    },
    ldap: {
      type: 'object',
      description:
        'The directory that type ldap, and lines of `hba` with the method ldap, ask (PgBouncer 1.25 and newer).',
      required: ['options'],
      properties: {
        options: {
          type: 'object',
          description:
            'As in pg_hba.conf: ldapserver, ldapport, ldapscheme, ldaptls, ldapprefix, ldapsuffix, ldapbasedn, ldapbinddn, ldapsearchattribute, ldapsearchfilter, ldapurl.',
          minProperties: 1,
          maxProperties: 16,
          additionalProperties: { type: 'string', minLength: 1, maxLength: 512, pattern: noControlCharacters },
        },
        bindPasswordSecretRef: secretKeyRef(
          "The key of a Secret, in the pooler's namespace, that holds the password of ldapbinddn.",
        ),
      },
    },
    userlistSecretRefs: {
      type: 'array',
      description:
        'Whole userlists, as PgBouncer reads them: lines of "user" "password". Each line is checked. They are merged with `users`, whose passwords come first.',
      minItems: 1,
      maxItems: 16,
      items: secretKeyRef("The key of a Secret, in the pooler's namespace, that holds a userlist."),
    },
    query: lookup(
      'Asks the server for the password of a user that stands nowhere else (auth_query).',
      'The entry of [databases] in which the query runs, whatever the client asked for (auth_dbname, PgBouncer 1.19 and newer). When there is none of this name, one is made: this database on the first backend, with a pool of 2, closed to clients. Default: the database that the client asked for.',
    ),
    adminUsers: {
      type: 'array',
      description:
        "Users that may use PgBouncer's console, every command of it, besides the operator (admin_users). They log in to it as to any database, by password even where clients are trusted.",
      minItems: 1,
      maxItems: 32,
      items: listedName,
    },
    statsUsers: {
      type: 'array',
      description: "Users that may look at PgBouncer's console with SHOW, besides the operator (stats_users).",
      minItems: 1,
      maxItems: 32,
      items: listedName,
    },
  },
} as const;
