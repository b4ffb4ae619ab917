// Prisma's schema engine as WebAssembly, because its binary is in no package. Its adapter would cut a script at every
// semicolon, in strings too; the binary sends it whole, and so does this.
import { PrismaPg } from "@prisma/adapter-pg";
import { defineConfig } from "prisma/config";

// The engine waits ten seconds for a lock; that it got it does not end the wait, and the process would outlast its work.
const { setTimeout: begin } = globalThis;
globalThis.setTimeout = (call, after, ...rest) => {
  const timer = begin(call, after, ...rest);
  return after >= 10_000 ? timer.unref() : timer;
};

class Whole extends PrismaPg {
  async connect() {
    const connection = await super.connect();
    connection.executeScript = async (script) => {
      try {
        await connection.client.query(script);
      } catch (error) {
        connection.onError(error);
      }
    };
    return connection;
  }
}

export default defineConfig({
  schema: "./schema.prisma",
  migrations: { path: "./migrations" },
  engine: "js",
  experimental: { adapter: true },
  adapter: async () => new Whole({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true }),
});
