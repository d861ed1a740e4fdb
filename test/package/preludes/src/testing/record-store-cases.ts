// Beside an adapter's `open`: a test runner, reduced to the running.
export { recordStoreCases } from 'cellseal/conformance';
export { open } from '../../adapter.js';

export function it(_name: string, run: () => Promise<void>): void {
  void run();
}
