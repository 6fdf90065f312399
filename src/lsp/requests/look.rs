//! What is looked at: hovers, definitions, colours, hints.

use super::{MODIFIERS, offset, with};
use crate::ide::tokens::{Kind, semantic};
use crate::ide::{self, hints, hover as ide_hover, names};
use crate::lsp::convert::{Places, markup};
use crate::lsp::server::Failure;
use crate::lsp::state::{Checked, Doc, State};
use crate::source::Span;
use lsp_types::{
    DocumentHighlight, DocumentHighlightKind, GotoDefinitionParams, Hover, HoverContents, HoverParams,
    InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams, InlayHintTooltip, Location, SemanticToken,
    SemanticTokens, SemanticTokensParams, SemanticTokensRangeParams,
};
use serde_json::Value;

type Answer = Result<Value, Failure>;

pub(super) fn hover(state: &mut State, params: HoverParams) -> Answer {
    let at = params.text_document_position_params;
    with(state, &at.text_document.uri, |state, doc, checked| {
        let found = ide_hover::hover(&checked.project, checked.names(), offset(doc, at.position));
        Ok(found.map(|h| Hover {
            contents: HoverContents::Markup(markup(state, h.text)),
            range: Some(doc.lines.range(&doc.text, h.span.start, h.span.end)),
        }))
    })
}

pub(super) fn definition(state: &mut State, params: GotoDefinitionParams) -> Answer {
    let at = params.text_document_position_params;
    with(state, &at.text_document.uri, |state, doc, checked| {
        let found = ide::definition(checked.names(), offset(doc, at.position));
        Ok(found.and_then(|(_, place)| location(state, checked, place)).into_iter().collect::<Vec<_>>())
    })
}

pub(super) fn type_definition(state: &mut State, params: GotoDefinitionParams) -> Answer {
    let at = params.text_document_position_params;
    with(state, &at.text_document.uri, |state, doc, checked| {
        let place = ide::type_definition(&checked.project, checked.names(), offset(doc, at.position));
        Ok(place.and_then(|p| location(state, checked, p)).into_iter().collect::<Vec<_>>())
    })
}

/// A place as a location: every client reads those.
fn location(state: &State, checked: &Checked, place: Span) -> Option<Location> {
    Places::of(&checked.project).location(state, place)
}

pub(super) fn highlight(state: &mut State, params: lsp_types::DocumentHighlightParams) -> Answer {
    let at = params.text_document_position_params;
    with(state, &at.text_document.uri, |_, doc, checked| {
        let all = checked.names();
        let place = names::at(all, offset(doc, at.position)).and_then(|n| n.def);
        let Some(place) = place else { return Ok(Vec::new()) };
        let same = all.iter().filter(|n| n.def == Some(place));
        Ok(same
            .map(|n| DocumentHighlight {
                range: doc.lines.range(&doc.text, n.span.start, n.span.end),
                kind: Some(if n.declares() {
                    DocumentHighlightKind::WRITE
                } else {
                    DocumentHighlightKind::READ
                }),
            })
            .collect())
    })
}

pub(super) fn tokens(state: &mut State, params: SemanticTokensParams) -> Answer {
    with(state, &params.text_document.uri, |_, doc, checked| {
        Ok(Some(encoded(doc, checked, 0, doc.text.len() as u32)))
    })
}

pub(super) fn tokens_in(state: &mut State, params: SemanticTokensRangeParams) -> Answer {
    with(state, &params.text_document.uri, |_, doc, checked| {
        let (start, end) = (offset(doc, params.range.start), offset(doc, params.range.end));
        Ok(Some(encoded(doc, checked, start, end)))
    })
}

fn encoded(doc: &Doc, checked: &Checked, start: u32, end: u32) -> SemanticTokens {
    let mut data = Vec::new();
    let (mut line, mut column) = (0, 0);
    for token in semantic(&checked.project, checked.names(), start, end) {
        let range = doc.lines.range(&doc.text, token.start, token.end);
        let Some(kind) = Kind::ALL.iter().position(|k| *k == token.kind) else { continue };
        let readonly = token.kind == Kind::Variable;
        let bits = [token.declares, readonly, token.standard, token.documentation];
        let modifiers = bits.iter().enumerate().filter(|(_, set)| **set).map(|(i, _)| 1 << i).sum();
        debug_assert_eq!(bits.len(), MODIFIERS.len());
        let delta_line = range.start.line - line;
        let delta_start =
            if delta_line == 0 { range.start.character - column } else { range.start.character };
        data.push(SemanticToken {
            delta_line,
            delta_start,
            length: range.end.character.saturating_sub(range.start.character),
            token_type: kind as u32,
            token_modifiers_bitset: modifiers,
        });
        (line, column) = (range.start.line, range.start.character);
    }
    SemanticTokens { result_id: None, data }
}

pub(super) fn hints(state: &mut State, params: InlayHintParams) -> Answer {
    with(state, &params.text_document.uri, |state, doc, checked| {
        let (start, end) = (offset(doc, params.range.start), offset(doc, params.range.end));
        let all = hints::hints(&checked.project, start, end);
        let one = |h: hints::Hint| InlayHint {
            position: doc.lines.position(&doc.text, h.offset),
            label: InlayHintLabel::String(h.text),
            kind: match h.kind {
                hints::HintKind::Type => Some(InlayHintKind::TYPE),
                hints::HintKind::Note => None,
            },
            text_edits: None,
            tooltip: (!h.tip.is_empty()).then(|| InlayHintTooltip::MarkupContent(markup(state, h.tip))),
            padding_left: Some(h.kind == hints::HintKind::Note),
            padding_right: None,
            data: None,
        };
        Ok(all.into_iter().map(one).collect::<Vec<_>>())
    })
}
