// A definition for highlight.js: `hljs.registerLanguage("plan", plan)`.
export default function plan(hljs) {
  const NUMBER = {
    scope: "number",
    match: /\b(0[xX][0-9a-fA-F_]+|([0-9][0-9_]*(ms|d|h|m|s))+\b|[0-9][0-9_]*(KiB|MiB|GiB|TiB)\b|[0-9][0-9_]*%|[0-9][0-9_]*(\.[0-9_]+)?([eE][+-]?[0-9]+)?)/,
  };
  const INTERPOLATION = { scope: "subst", begin: /\$\{/, end: /\}/, contains: [] };
  const ESCAPE = { scope: "char.escape", match: /\\./ };
  const string = (begin, end, contains) => ({ scope: "string", begin, end, contains });
  const INNER = [ESCAPE, INTERPOLATION];
  const STRINGS = [
    string(/\b[rR]"""/, /"""/, []),
    string(/\b[rR]"/, /"|$/, []),
    string(/\b[rR]'/, /'|$/, []),
    string(/"""/, /"""/, INNER),
    string(/'''/, /'''/, INNER),
    string(/"/, /"|$/, INNER),
    string(/'/, /'|$/, INNER),
  ];
  const KEYWORDS = {
    keyword:
      "plan skill type test use step let return require fail do if else for match loop race in as throw depends_on when key cache approve " +
      "timeout deadline on_error compensate unless by within quorum max first parallel tolerate every until last backoff retry abort " +
      "continue fallback then goal budget throws concurrency planner planner_version meta cost tokens time calls usd rate wire deprecated " +
      "pure reads appends writes irreversible idempotent opaque where input mock times deny signal expect",
    type: "bool int float string bytes timestamp duration json file list map trusted untrusted public private secret",
    literal: "true false null",
  };
  const NAME = { scope: "attr", match: /[A-Za-z_]\w*(?=\??:)/ };
  const TITLE = { begin: [/^(plan|skill|type)/, /\s+/, /[A-Za-z_][\w.]*/], beginScope: { 1: "keyword", 3: "title" } };
  const MEMBER = { match: /\.[A-Za-z_]\w*/, scope: "property" };
  const code = [hljs.C_LINE_COMMENT_MODE, ...STRINGS, TITLE, NAME, NUMBER, MEMBER];
  INTERPOLATION.contains = code;
  INTERPOLATION.keywords = KEYWORDS;
  return { name: "AOS plan", aliases: ["aos"], keywords: KEYWORDS, contains: code };
}
