// Applies the folder that the first argument names, with the migrator of the package that the second one names.
import pg from "pg";

const [folder, drizzleOrm] = process.argv.slice(2);
const { drizzle } = await import(`${drizzleOrm}/node-postgres`);
const { migrate } = await import(`${drizzleOrm}/node-postgres/migrator`);

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
await migrate(drizzle({ client: pool }), { migrationsFolder: folder });
await pool.end();
