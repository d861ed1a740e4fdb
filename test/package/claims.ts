/** The results that documents claim, as assertions: `documents.ts` says how they are written. */
import ts from 'typescript';
import { parse } from './programs.js';

/** Turns the results that a program claims into assertions, without moving a line. */
export function withChecks(program: string): string {
  const source = parse(program);
  const edits: { at: number; to: number; text: string }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node) || ts.isVariableStatement(node)) {
      const claim = /^[^\S\n]*(?:\n[^\S\n]*)?\/\/\s*→\s*(.*\S)/.exec(program.slice(node.getEnd()))?.[1];
      const text = claim === undefined ? undefined : checkOf(node, claim);
      if (text !== undefined) edits.push({ at: node.getStart(), to: node.getEnd(), text });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  const checked = edits
    .sort((left, right) => right.at - left.at)
    .reduce((text, edit) => text.slice(0, edit.at) + edit.text + text.slice(edit.to), program);
  // Line 1 is never a line of code: a fence comes before it.
  return edits.length === 0 ? program : `import * as __checks from '../checks.js';${checked}`;
}

function checkOf(
  statement: ts.ExpressionStatement | ts.VariableStatement,
  claim: string,
): string | undefined {
  const text = statement.getText();
  const thrown = /^throws (\w+)/.exec(claim)?.[1];
  if (thrown !== undefined)
    return `await __checks.throws(async () => { ${text} }, ${JSON.stringify(thrown)});`;
  if (ts.isVariableStatement(statement)) {
    const [declaration, ...others] = statement.declarationList.declarations;
    const isOne = declaration && others.length === 0 && ts.isIdentifier(declaration.name);
    return isOne && isLiteral(claim)
      ? `${text} __checks.is(${declaration.name.getText()}, (${claim}));`
      : undefined;
  }
  const { expression } = statement;
  if (ts.isCallExpression(expression) && expression.expression.getText() === 'console.log') {
    const values = expression.arguments.map((argument) => argument.getText()).join(', ');
    return `__checks.prints([${values}], ${JSON.stringify(claim)});`;
  }
  return isLiteral(claim) ? `__checks.is(${expression.getText()}, (${claim}));` : undefined;
}

/** Whether a claim is an expression of literals only: nothing that could name something, or call it. */
function isLiteral(claim: string): boolean {
  const source = ts.createSourceFile('claim.ts', `(${claim});`, ts.ScriptTarget.ES2023, true);
  const [statement, ...others] = source.statements;
  const { parseDiagnostics = [] } = source as { parseDiagnostics?: readonly unknown[] };
  if (!statement || others.length > 0 || parseDiagnostics.length > 0) return false;
  const sound = (node: ts.Node): boolean => {
    if (ts.isPropertyAssignment(node)) return sound(node.initializer);
    if (ts.isIdentifier(node)) return ['undefined', 'NaN', 'Infinity'].includes(node.text);
    const isPlain =
      ts.isLiteralExpression(node) ||
      ts.isPrefixUnaryExpression(node) ||
      ts.isParenthesizedExpression(node) ||
      ts.isArrayLiteralExpression(node) ||
      ts.isObjectLiteralExpression(node) ||
      [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword, ts.SyntaxKind.NullKeyword].includes(node.kind);
    return isPlain && !ts.forEachChild(node, (child) => !sound(child));
  };
  return ts.isExpressionStatement(statement) && sound(statement.expression);
}

/** `checks.js` of the project in which blocks run. */
export const CHECKS = `
import assert from 'node:assert/strict';
import { format, inspect } from 'node:util';

export function is(actual, expected) {
  assert.deepEqual(actual, expected);
}

export function prints(values, expected) {
  const spellings = [format(...values), values.map((value) => inspect(value, { breakLength: Infinity })).join(' ')];
  const pattern = new RegExp('^' + expected.split('…').map(escape).join('[^]*') + '$');
  if (!spellings.some((text) => pattern.test(text))) assert.equal(spellings[0], expected);
}

export async function throws(work, name) {
  await assert.rejects(work, { name });
}

function escape(text) {
  return text.replace(/[\\\\^$.*+?()[\\]{}|/]/g, '\\\\$&');
}
`;
