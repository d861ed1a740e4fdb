// Imports every entry of the package while randomness, timers and globals are watched. Prints what was touched.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const touched: string[] = [];
watch(Object.getPrototypeOf(globalThis.crypto), 'getRandomValues', 'randomUUID', 'subtle');
watch(crypto, 'randomBytes', 'randomFillSync', 'randomUUID');
watch(globalThis, 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask');
watch(Math, 'random');
syncBuiltinESMExports();
touched.length = 0; // that has read them all

const globals = (): string => Reflect.ownKeys(globalThis).map(String).sort().join();
const before = globals();
const events = process.eventNames().join();
for (const entry of process.argv.slice(2)) await import(entry);
if (globals() !== before) touched.push('globalThis');
if (process.eventNames().join() !== events) touched.push('process');
console.log(JSON.stringify(touched));

function watch(holder: object, ...names: readonly string[]): void {
  for (const name of names) {
    const { get, value } = Object.getOwnPropertyDescriptor(holder, name) ?? {};
    const told = (self: object): object => {
      touched.push(name);
      return self === holder ? globalThis.crypto : self;
    };
    const watched = get
      ? {
          get(this: object) {
            return get.call(told(this));
          },
        }
      : {
          writable: true,
          value(this: object, ...given: unknown[]) {
            return value.apply(told(this), given);
          },
        };
    Object.defineProperty(holder, name, { configurable: true, ...watched });
  }
}
