/**
 * Of Prisma, what prisma.ts uses: its packages and the client generated from prisma/schema.prisma are there only while
 * the image is built.
 */
declare module '@prisma/adapter-pg' {
  import type { Pool } from 'pg';

  export class PrismaPg {
    constructor(
      pool: Pool,
      options?: { readonly statementNameGenerator?: (query: { readonly sql: string }) => string },
    );
  }
}

declare module '*/generated/client.ts' {
  import type { PrismaPg } from '@prisma/adapter-pg';

  interface Where {
    readonly where: { readonly client: string };
  }
  interface Queries {
    readonly visit: {
      create(visit: { readonly data: { readonly client: string; readonly note: string } }): Promise<unknown>;
      count(where: Where): Promise<number>;
      deleteMany(where: Where): Promise<unknown>;
    };
    $queryRaw<T>(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<T>;
  }
  export const Prisma: { readonly prismaVersion: { readonly client: string } };
  export class PrismaClient implements Queries {
    constructor(options: {
      readonly adapter: PrismaPg;
      /** Milliseconds. */
      readonly transactionOptions: { readonly maxWait: number; readonly timeout: number };
    });
    readonly visit: Queries['visit'];
    $queryRaw: Queries['$queryRaw'];
    $transaction(work: (client: Queries) => Promise<void>): Promise<void>;
    $transaction(batch: readonly Promise<unknown>[]): Promise<unknown>;
    $disconnect(): Promise<void>;
  }
}
