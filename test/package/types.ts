/** TypeScript as a user runs it, over a project of a user. */
import { join } from 'node:path';
import ts from 'typescript';

/** Compiler options by their names in a tsconfig.json. */
export type TsOptions = Readonly<Record<string, unknown>>;

/** What the compiler has to say of these files, each as `PATH:LINE: error TSnnnn: …`. */
export function typeErrors(folder: string, files: readonly string[], tsconfig: TsOptions): string[] {
  const { errors, options } = ts.convertCompilerOptionsFromJson({ noEmit: true, ...tsconfig }, folder);
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => folder;
  const program = ts.createProgram(
    files.map((file) => join(folder, file)),
    options,
    host,
  );
  return [...errors, ...ts.getPreEmitDiagnostics(program)].map((diagnostic) => spell(folder, diagnostic));
}

function spell(folder: string, { code, file, messageText, start = 0 }: ts.Diagnostic): string {
  const said = `error TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  if (!file) return said;
  const name = file.fileName.startsWith(folder) ? file.fileName.slice(folder.length + 1) : file.fileName;
  return `${name}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${said}`;
}

const EMIT: ts.CompilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };

/** A module as JavaScript, not type-checked. With a `source`, stack traces name that URL instead. */
export function emit(path: string, text: string, source?: string): string {
  const { outputText, sourceMapText = '{}' } = ts.transpileModule(text, {
    compilerOptions: { ...EMIT, sourceMap: source !== undefined },
    fileName: path,
  });
  if (source === undefined) return outputText;
  const map = JSON.stringify({ ...JSON.parse(sourceMapText), sourceRoot: '', sources: [source] });
  const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  return `${outputText.replace(/^\/\/# sourceMappingURL=.*$/m, '')}//# sourceMappingURL=${url}\n`;
}
