/**
 * What every client of this image does, and says about it. The languages differ and the work does not: a transaction of
 * several statements, a prepared statement on many connections, statements that fail, and transactions beside each
 * other. The last line that a client prints is its report as JSON.
 */
export interface ClientReport {
  readonly client: string;
  /** Version of the library. */
  readonly library: string;
  /** What the server said on connecting: PgBouncer passes PostgreSQL's version on. */
  readonly serverVersion: string;
  /** Protocol as the client's own TLS sees it; null without TLS. */
  readonly tls: string | null;
  /** Whether the pooler's connection to the server has TLS, as pg_stat_ssl says. */
  readonly serverTls: boolean;
  /** `current_user` and `current_database()`. */
  readonly user: string;
  readonly database: string;
  /** Rows seen inside the transaction (2), after its ROLLBACK (0), after another's COMMIT (1); server processes inside (1). */
  readonly transaction: {
    readonly inside: number;
    readonly afterRollback: number;
    readonly afterCommit: number;
    readonly backends: number;
  };
  /** `backends`: server processes that executed it; `wrong`: answers that were another's. */
  readonly prepared: { readonly executions: number; readonly wrong: number; readonly backends: number };
  /** A division by zero: its SQLSTATE outside and inside of a transaction, and what the same connection answers next. */
  readonly failure: { readonly sqlstate: string; readonly inside: string; readonly afterwards: number };
  /** Transactions that were committed beside each other, and the rows that were there at the end. */
  readonly concurrent: { readonly transactions: number; readonly rows: number };
}
