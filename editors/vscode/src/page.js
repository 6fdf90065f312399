// The page that shows a graph; it runs no scripts and loads nothing.
"use strict";

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** @param svg the picture, as the language server drew it; none while there is none @param note why it may be old */
function page(svg, note) {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';">
<style>
  body { margin: 0; padding: 12px; color: var(--vscode-foreground, #1f2328); background: var(--vscode-editor-background, #fff); font-family: var(--vscode-font-family, sans-serif); }
  .note { position: sticky; top: 0; padding: 4px 8px; border-left: 3px solid var(--vscode-editorWarning-foreground, #bf8700); background: var(--vscode-textBlockQuote-background, #f6f8fa); }
  svg { max-width: 100%; height: auto; display: block; margin: 8px 0; }
</style>
</head>
<body>
${note ? `<p class="note">${escape(note)}</p>` : ""}
${svg ?? "<p>No graph yet: mend the plan's errors.</p>"}
</body>
</html>`;
}

module.exports = { page };
