// Loads entries of the package where there is nothing but ECMAScript and what a module of the package may ask of its
// platform while it loads: the two of the Encoding standard. Everything there is frozen. Prints what each exports.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import vm from 'node:vm';

const dist = join(process.cwd(), 'node_modules/cellseal/dist');
const context = vm.createContext({ TextDecoder, TextEncoder });
vm.runInContext(
  `const seen = new Set();
   const freeze = (value) => {
     if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return;
     seen.add(value);
     for (const { get, set, value: inner } of Object.values(Object.getOwnPropertyDescriptors(value)))
       [get, set, inner].forEach(freeze);
     freeze(Object.getPrototypeOf(value));
     if (value !== globalThis) Object.freeze(value); // that one cannot be: it is looked at afterwards
   };
   freeze(globalThis);`,
  context,
);
const before = globalsOf(context);
const modules = new Map<string, vm.SourceTextModule>();

for (const entry of process.argv.slice(2)) {
  const module = load(join(dist, entry));
  await module.link((specifier, { identifier }) => load(join(dirname(identifier), specifier)));
  await module.evaluate();
  console.log(entry, Object.keys(module.namespace).length);
}
if (globalsOf(context) !== before) throw new Error('A global was changed.');

function load(path: string): vm.SourceTextModule {
  const known = modules.get(path);
  if (known) return known;
  const module = new vm.SourceTextModule(readFileSync(path, 'utf8'), { context, identifier: path });
  modules.set(path, module);
  return module;
}

function globalsOf(within: vm.Context): string {
  return vm.runInContext('Reflect.ownKeys(globalThis).map(String).sort().join()', within);
}
