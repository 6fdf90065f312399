//! The requests and notifications, by name.

mod change;
mod complete;
mod look;
mod outline;

pub(super) use outline::kind as symbol_kind;

use super::server::Failure;
use super::state::{Checked, Doc, State};
use super::workspace;
use lsp_types::{Position, TextDocumentContentChangeEvent, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The names of the tokens' modifiers, in the order of their bits.
const MODIFIERS: [&str; 4] = ["declaration", "readonly", "defaultLibrary", "documentation"];

/// The commands that the server itself can do.
const COMMANDS: [&str; 2] = ["aos.server.check", "aos.server.graph"];

/// What the server can do.
pub(super) fn capabilities() -> Value {
    let kinds: Vec<&str> = crate::ide::tokens::Kind::ALL.iter().map(|k| k.name()).collect();
    json!({
        "serverInfo": { "name": "aos", "version": env!("CARGO_PKG_VERSION") },
        "capabilities": {
            "positionEncoding": "utf-16",
            "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
            "completionProvider": { "triggerCharacters": [".", "\"", "(", "{", "<", "|"] },
            "hoverProvider": true,
            "signatureHelpProvider": { "triggerCharacters": ["(", ","], "retriggerCharacters": [":"] },
            "definitionProvider": true,
            "declarationProvider": true,
            "typeDefinitionProvider": true,
            "referencesProvider": true,
            "documentHighlightProvider": true,
            "documentSymbolProvider": true,
            "workspaceSymbolProvider": true,
            "codeActionProvider": { "codeActionKinds": [
                "quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite", "source.fixAll",
            ] },
            "codeLensProvider": {},
            "documentLinkProvider": {},
            "documentFormattingProvider": true,
            "documentRangeFormattingProvider": true,
            "renameProvider": { "prepareProvider": true },
            "foldingRangeProvider": true,
            "selectionRangeProvider": true,
            "semanticTokensProvider": {
                "legend": { "tokenTypes": kinds, "tokenModifiers": MODIFIERS },
                "full": true,
                "range": true,
            },
            "inlayHintProvider": true,
            "callHierarchyProvider": true,
            "executeCommandProvider": { "commands": COMMANDS },
            "workspace": { "workspaceFolders": { "supported": true, "changeNotifications": true } },
        },
    })
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Failure> {
    serde_json::from_value(params).map_err(|e| Failure::invalid(e.to_string()))
}

fn told<T: serde::Serialize>(result: T) -> Result<Value, Failure> {
    serde_json::to_value(result).map_err(|e| Failure::invalid(e.to_string()))
}

/// A document that is not open has no answers, and that is no failure.
fn with<T: serde::Serialize + Default>(
    state: &mut State,
    uri: &Url,
    ask: impl FnOnce(&State, &Doc, &Checked) -> Result<T, Failure>,
) -> Result<Value, Failure> {
    if state.project(uri).is_none() {
        return told(T::default());
    }
    let state = &*state;
    match state.both_now(uri) {
        Some((doc, checked)) => told(ask(state, doc, checked)?),
        None => told(T::default()),
    }
}

fn offset(doc: &Doc, place: Position) -> u32 {
    doc.lines.offset(&doc.text, place)
}

/// Answers one request.
pub(super) fn answer(state: &mut State, method: &str, params: Value) -> Result<Value, Failure> {
    match method {
        "textDocument/completion" => complete::completion(state, read(params)?),
        "textDocument/signatureHelp" => complete::signature(state, read(params)?),
        "textDocument/hover" => look::hover(state, read(params)?),
        "textDocument/definition" | "textDocument/declaration" => look::definition(state, read(params)?),
        "textDocument/typeDefinition" => look::type_definition(state, read(params)?),
        "textDocument/references" => workspace::references(state, read(params)?),
        "textDocument/documentHighlight" => look::highlight(state, read(params)?),
        "textDocument/documentSymbol" => outline::symbols(state, read(params)?),
        "workspace/symbol" => workspace::symbols(state, read(params)?),
        "textDocument/codeAction" => change::actions(state, read(params)?),
        "textDocument/codeLens" => outline::lenses(state, read(params)?),
        "textDocument/documentLink" => outline::links(state, read(params)?),
        "textDocument/formatting" => change::format(state, read(params)?),
        "textDocument/rangeFormatting" => change::format_range(state, read(params)?),
        "textDocument/prepareRename" => workspace::prepare_rename(state, read(params)?),
        "textDocument/rename" => workspace::rename(state, read(params)?),
        "textDocument/foldingRange" => outline::folds(state, read(params)?),
        "textDocument/selectionRange" => outline::selections(state, read(params)?),
        "textDocument/semanticTokens/full" => look::tokens(state, read(params)?),
        "textDocument/semanticTokens/range" => look::tokens_in(state, read(params)?),
        "textDocument/inlayHint" => look::hints(state, read(params)?),
        "textDocument/prepareCallHierarchy" => workspace::prepare_calls(state, read(params)?),
        "callHierarchy/incomingCalls" => workspace::incoming(state, read(params)?),
        "callHierarchy/outgoingCalls" => workspace::outgoing(state, read(params)?),
        "workspace/executeCommand" => change::command(state, read(params)?),
        _ => Err(Failure::no_such_method(method)),
    }
}

/// Takes one notification in.
pub(super) fn notice(state: &mut State, method: &str, params: Value) -> Result<(), Failure> {
    match method {
        "textDocument/didOpen" => {
            let params: lsp_types::DidOpenTextDocumentParams = read(params)?;
            let doc = params.text_document;
            state.open(doc.uri, doc.text, doc.version);
        }
        "textDocument/didChange" => {
            let params: lsp_types::DidChangeTextDocumentParams = read(params)?;
            let changes: Vec<TextDocumentContentChangeEvent> = params.content_changes;
            state.change(&params.text_document.uri, params.text_document.version, changes);
        }
        "textDocument/didClose" => {
            let params: lsp_types::DidCloseTextDocumentParams = read(params)?;
            state.close(&params.text_document.uri);
        }
        "textDocument/didSave" => {
            let params: lsp_types::DidSaveTextDocumentParams = read(params)?;
            state.changed(&super::state::path(&params.text_document.uri));
        }
        "workspace/didChangeWatchedFiles" => {
            let params: lsp_types::DidChangeWatchedFilesParams = read(params)?;
            for change in params.changes {
                state.changed(&super::state::path(&change.uri));
            }
        }
        "workspace/didChangeConfiguration" => state.all_changed(),
        "workspace/didChangeWorkspaceFolders" => {
            let params: lsp_types::DidChangeWorkspaceFoldersParams = read(params)?;
            let gone: Vec<_> =
                params.event.removed.iter().filter_map(|f| f.uri.to_file_path().ok()).collect();
            state.roots.retain(|r| !gone.contains(r));
            state.roots.extend(params.event.added.iter().filter_map(|f| f.uri.to_file_path().ok()));
        }
        // `$/setTrace` and whatever else: nobody waits for an answer.
        _ => {}
    }
    Ok(())
}
