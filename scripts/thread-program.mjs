/** Puts the program of other threads into `src/engine/threads/program.ts`: plugins for esbuild (tsup) and for Vite (vitest). */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PLACE = /[/\\]engine[/\\]threads[/\\]program\.ts$/;
const WORKER = fileURLToPath(new URL('../src/engine/threads/worker.ts', import.meta.url));

async function moduleText() {
  const { outputFiles } = await build({
    entryPoints: [WORKER],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'es2023',
  });
  return `export const program = ${JSON.stringify(outputFiles[0]?.text)};\n`;
}

/** @type {import('esbuild').Plugin} */
export const forEsbuild = {
  name: 'the program of other threads',
  setup(builder) {
    builder.onLoad({ filter: PLACE }, async () => ({ contents: await moduleText(), loader: 'js' }));
  },
};

/** @type {import('vitest/config').Plugin} */
export const forVite = {
  name: 'the program of other threads',
  enforce: 'pre',
  async load(id) {
    return PLACE.test(id) ? await moduleText() : undefined;
  },
};
