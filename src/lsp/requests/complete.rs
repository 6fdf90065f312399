//! Completion and signatures.

use super::{offset, with};
use crate::ide::complete::{Item, ItemKind, complete};
use crate::ide::signature;
use crate::lsp::convert::docs;
use crate::lsp::server::Failure;
use crate::lsp::state::State;
use crate::lsp::workspace;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionItemTag, CompletionList, CompletionParams,
    CompletionTextEdit, InsertTextFormat, ParameterInformation, ParameterLabel, SignatureHelp,
    SignatureHelpParams, SignatureInformation, TextEdit,
};
use serde_json::Value;

pub(super) fn completion(state: &mut State, params: CompletionParams) -> Result<Value, Failure> {
    let at = params.text_document_position;
    let uri = at.text_document.uri;
    with(state, &uri.clone(), |state, doc, checked| {
        let all = complete(&checked.project, offset(doc, at.position), &|| workspace::usable(state, &uri));
        let items = all.into_iter().map(|item| {
            let range = doc.lines.range(&doc.text, item.span.start, item.span.end);
            converted(state, item, range)
        });
        Ok(Some(CompletionList { is_incomplete: false, items: items.collect() }))
    })
}

fn converted(state: &State, item: Item, range: lsp_types::Range) -> CompletionItem {
    let new_text = if state.client.snippets { item.snippet } else { without_stops(&item.snippet) };
    let snippet = state.client.snippets && new_text != item.label;
    CompletionItem {
        kind: Some(kind(item.kind)),
        detail: (!item.detail.is_empty()).then_some(item.detail),
        documentation: docs(state, &item.docs),
        sort_text: Some(format!("{}{}", item.rank, item.label)),
        filter_text: Some(item.label.clone()),
        insert_text_format: snippet.then_some(InsertTextFormat::SNIPPET),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
        tags: item.deprecated.then(|| vec![CompletionItemTag::DEPRECATED]),
        label: item.label,
        ..CompletionItem::default()
    }
}

/// A snippet as plain text.
fn without_stops(snippet: &str) -> String {
    let mut out = String::new();
    let mut chars = snippet.chars().peekable();
    let mut open = 0_u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                while chars.peek().is_some_and(char::is_ascii_digit) {
                    chars.next();
                }
                chars.next_if_eq(&':');
                open += 1;
            }
            '$' if chars.peek().is_some_and(char::is_ascii_digit) => {
                while chars.peek().is_some_and(char::is_ascii_digit) {
                    chars.next();
                }
            }
            '}' if open > 0 => open -= 1,
            c => out.push(c),
        }
    }
    out
}

fn kind(kind: ItemKind) -> CompletionItemKind {
    match kind {
        ItemKind::Skill => CompletionItemKind::FUNCTION,
        ItemKind::Plan => CompletionItemKind::MODULE,
        ItemKind::Argument | ItemKind::Field => CompletionItemKind::FIELD,
        ItemKind::Step | ItemKind::Let | ItemKind::Input | ItemKind::Local => CompletionItemKind::VARIABLE,
        ItemKind::Function => CompletionItemKind::METHOD,
        ItemKind::Keyword => CompletionItemKind::KEYWORD,
        ItemKind::Type => CompletionItemKind::CLASS,
        ItemKind::Error => CompletionItemKind::ENUM_MEMBER,
        ItemKind::Value => CompletionItemKind::VALUE,
        ItemKind::File => CompletionItemKind::FILE,
        ItemKind::Secret => CompletionItemKind::CONSTANT,
    }
}

pub(super) fn signature(state: &mut State, params: SignatureHelpParams) -> Result<Value, Failure> {
    let at = params.text_document_position_params;
    with(state, &at.text_document.uri, |state, doc, checked| {
        let Some(help) = signature::help(&checked.project, offset(doc, at.position)) else { return Ok(None) };
        let units = |to: usize| help.label.get(..to).map_or(0, |t| t.encode_utf16().count() as u32);
        let parameters = help.params.iter().map(|p| ParameterInformation {
            label: ParameterLabel::LabelOffsets([units(p.label.0), units(p.label.1)]),
            documentation: docs(state, &p.docs),
        });
        // One behind the last: nothing is meant by the cursor.
        let active = help.active.unwrap_or(help.params.len()) as u32;
        let information = SignatureInformation {
            documentation: docs(state, &help.docs),
            parameters: Some(parameters.collect()),
            active_parameter: Some(active),
            label: help.label.clone(),
        };
        Ok(Some(SignatureHelp {
            signatures: vec![information],
            active_signature: Some(0),
            active_parameter: Some(active),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::without_stops;

    #[test]
    fn snippets_become_plain_text() {
        assert_eq!(without_stops("a(${1:url}, $2)$0 \\$\\}"), "a(url, ) $}");
        assert_eq!(without_stops("for ${1:x} in { $0 }"), "for x in {  }");
    }
}
