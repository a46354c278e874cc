import { dirname, join } from "node:path";
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import {
  isClassDeclaration,
  isConstructorDeclaration,
  isExportDeclaration,
  isFunctionDeclaration,
  isInterfaceDeclaration,
  isNamedExports,
  isStringLiteral,
  isTypeAliasDeclaration,
  isVariableStatement,
} from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/sync";
import { project } from "./project.js";

/** Something that a source file exports. */
export interface Declaration {
  name: string;
  /** Path below firstlight's folder. */
  file: string;
  /** As it is written, without what it consists of: "interface Boot". */
  signature: string;
  /** Its doc comment, a paragraph each; none: it has no comment. */
  text: readonly string[];
  /** Of an interface or a class. */
  members: readonly Member[];
}

export interface Member {
  name: string;
  /** As it is written. */
  signature: string;
  text: readonly string[];
}

/** Text of the comment that a file begins with, a paragraph each, and all that it exports, of its own and of others, in the order of the files. */
export interface Exported {
  heads: ReadonlyMap<string, readonly string[]>;
  declarations: readonly Declaration[];
}

/** Reads what a file of the project exports, with TypeScript's own parser. Its interface may change with any version: this one is pinned. */
export function readExports(entry: string): Exported {
  const api = new API({ cwd: project.top });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(project.top, "tsconfig.json")] });
    const [{ program } = fail("tsconfig.json cannot be read")] = snapshot.getProjects();
    const heads = new Map<string, readonly string[]>();
    const collect = (file: string): Declaration[] => {
      const source = program.getSourceFile(join(project.top, file)) ?? fail(`${file} is not there`);
      heads.set(file, commentText(/^\/\*\*[\s\S]*?\*\//.exec(source.text)?.[0] ?? ""));
      return source.statements.flatMap((statement) => exportsOf(statement, source, file, collect));
    };
    return { declarations: collect(entry), heads };
  } finally {
    api.close();
  }
}

function fail(why: string): never {
  throw new Error(why);
}

/** What one statement of a file exports; `collect` reads another file. */
function exportsOf(
  statement: Node,
  source: SourceFile,
  file: string,
  collect: (file: string) => Declaration[],
): Declaration[] {
  if (!isExportDeclaration(statement)) {
    const declaration = describe(statement, source, file);
    return declaration ? [declaration] : [];
  }
  const { moduleSpecifier, exportClause } = statement;
  if (!moduleSpecifier || !isStringLiteral(moduleSpecifier)) return [];
  const all = collect(join(dirname(file), moduleSpecifier.text.replace(/\.js$/, ".ts")));
  if (!exportClause || !isNamedExports(exportClause)) return all;
  return exportClause.elements.flatMap(({ name }) => all.filter((declaration) => declaration.name === name.text));
}

/** undefined: the statement exports nothing, or imports. */
function describe(statement: Node, source: SourceFile, file: string): Declaration | undefined {
  const written = statement.getText(source);
  if (!written.startsWith("export ")) return undefined;
  const text = documentation(statement, source);
  const upTo = (end: number) => plain(source.text.slice(statement.getStart(source), end)).replace(/^export /, "");
  if (isInterfaceDeclaration(statement) || isClassDeclaration(statement)) {
    const name = statement.name?.text ?? "";
    const members = statement.members.map((member) => describeMember(member, source));
    return { name, file, signature: upTo(written.indexOf("{") + statement.getStart(source)), text, members };
  }
  if (isFunctionDeclaration(statement))
    return {
      name: statement.name?.text ?? "",
      file,
      signature: upTo(statement.body?.pos ?? statement.end),
      text,
      members: [],
    };
  if (isTypeAliasDeclaration(statement))
    return { name: statement.name.text, file, signature: upTo(statement.end), text, members: [] };
  if (!isVariableStatement(statement)) return undefined;
  const [variable] = statement.declarationList.declarations;
  return { name: variable?.name.getText(source) ?? "", file, signature: upTo(statement.end), text, members: [] };
}

function describeMember(member: Node, source: SourceFile): Member {
  const body = isConstructorDeclaration(member) ? member.body : undefined;
  const signature = plain(source.text.slice(member.getStart(source), body?.pos ?? member.end));
  const name = body ? "constructor" : (/^(?:readonly )?(\w+)/.exec(signature)?.[1] ?? signature);
  return { name, signature, text: documentation(member, source) };
}

/** In one line, without comments and the last semicolon. */
function plain(code: string): string {
  return code
    .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(?<=[(<]) | (?=[)>])|,(?= [)>])/g, "")
    .trim()
    .replace(/;$/, "");
}

function documentation(node: Node, source: SourceFile): string[] {
  const comment = node.jsDoc?.findLast(({ kind }) => kind === SyntaxKind.JSDoc);
  return comment ? commentText(comment.getText(source)) : [];
}

/** The paragraphs of a doc comment. */
function commentText(comment: string): string[] {
  return comment
    .replaceAll(/^\/\*\*|\*\/$/g, "")
    .replaceAll(/^\s*\* ?/gm, "")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, " ").trim())
    .filter(Boolean);
}
