import assert from 'node:assert/strict';
import test from 'node:test';
import ts from 'typescript';
import { projectPath } from './project-path.js';

/** What a name in a declaration stands for. */
function meaning(checker: ts.TypeChecker, node: ts.Node): ts.Symbol | undefined {
  const symbol = checker.getSymbolAtLocation(node);
  return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** Whether a name is declared in this package, and not by the signature itself. */
const isOurs = ({ declarations = [], flags }: ts.Symbol): boolean =>
  !(flags & ts.SymbolFlags.TypeParameter) &&
  declarations.some((declaration) => declaration.getSourceFile().fileName.includes('/dist/src/'));

test('every type that stands in a signature of the library is exported by it', () => {
  const index = projectPath('dist/src/index.d.ts');
  const program = ts.createProgram([index], { module: ts.ModuleKind.Node20, skipLibCheck: true, types: ['node'] });
  const checker = program.getTypeChecker();
  const exported = new Set(
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)!)!)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)),
  );
  assert.ok(exported.size > 200, String(exported.size));
  const missing = new Set<string>();
  const visit = (node: ts.Node): void => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && meaning(checker, name);
    if (symbol && isOurs(symbol) && !exported.has(symbol)) missing.add(symbol.name);
    ts.forEachChild(node, visit);
  };
  for (const symbol of exported) symbol.declarations?.forEach(visit);
  assert.deepEqual([...missing].sort(), []);
});
