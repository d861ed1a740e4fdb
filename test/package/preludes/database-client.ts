// A database's client that is nobody's in particular. Only compiled: there is no server behind it.
import { schema, table, text, uuid } from 'cellseal';

export interface Client {
  query(
    sql: string,
    values: readonly unknown[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

export interface Pool extends Client {
  connect(): Promise<Client & { release(isBroken: boolean): void }>;
}

export declare const pool: Pool;
export declare function it(name: string, run: () => Promise<void>): void;

export const everything = schema([
  table('customers', { from: 'crm.customers', record: uuid('id'), encrypt: { email: text() } }),
]);
