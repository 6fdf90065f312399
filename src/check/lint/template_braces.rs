//! `template-braces`: `{{x}}` in a string, where `x` can be read: it stays text, and `${x}` was meant.

use crate::check::cx::Cx;
use crate::check::mentions::{self, Visitor};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::Expr;
use crate::source::Span;
use crate::syntax::ast::{self, Name, TextForm, TextPart};
use crate::syntax::parse_expr;
use std::ops::Range;

/// Longer insides are no expression that somebody wrote by hand.
const MAX_INSIDE: usize = 200;
/// At most so many findings of one string.
const MAX: usize = 20;

#[derive(Default)]
struct Names(Vec<Name>);

impl Visitor for Names {
    fn name(&mut self, name: &str, _: Span) {
        self.0.push(name.into());
    }

    fn call(&mut self, _: &ast::Call) {}
}

impl Cx<'_> {
    /// Looks at a string without `${…}`.
    pub(in crate::check) fn template_text(&mut self, value: &str, form: TextForm, span: Span) {
        if form != TextForm::Raw && value.contains("{{") {
            self.templates(span, &[]);
        }
    }

    /// Looks at a string with `${…}`, at what stands between them.
    pub(in crate::check) fn template_parts(&mut self, parts: &[TextPart], span: Span) {
        let braces = |p: &TextPart| matches!(p, TextPart::Text(t) if t.contains("{{"));
        if !parts.iter().any(braces) {
            return;
        }
        let holes = parts.iter().filter_map(|p| match p {
            TextPart::Expr(e) => Some(e.span),
            TextPart::Text(_) => None,
        });
        self.templates(span, &holes.collect::<Vec<_>>());
    }

    /// `holes` are the expressions of the string at `span`, in order.
    fn templates(&mut self, span: Span, holes: &[Span]) {
        // Without the text there is nobody to be told (`aos eval`).
        let Some(sources) = self.sources else { return };
        let mut start = span.start;
        let mut told = 0;
        for end in holes.iter().map(|h| h.start).chain([span.end]) {
            let piece = Span { start, end, ..span };
            for inside in insides(sources.slice(piece)) {
                if told < MAX && self.template(piece, &inside, sources.slice(piece)) {
                    told += 1;
                }
            }
            start = holes.iter().find(|h| h.start == end).map_or(end, |h| h.end);
        }
    }

    /// One `{{…}}`; `inside` is what stands between the braces, in `text`, which stands at `piece`.
    fn template(&mut self, piece: Span, inside: &Range<usize>, text: &str) -> bool {
        let written = text.get(inside.clone()).unwrap_or("").trim();
        let (expr, faults) = parse_expr(piece.source, written);
        let mut names = Names::default();
        mentions::expr(&expr, &mut names);
        let names = names.0;
        let seen = |n: &Name| self.lookup(n).is_some() || self.later(n).is_some();
        if !faults.is_empty() || names.is_empty() || !names.iter().all(seen) {
            return false;
        }
        let safe = self.can_be_printed(&expr);
        self.templated.extend(names.iter().filter_map(|n| self.lookup(n)).collect::<Vec<_>>());
        let at = |n: usize| piece.start.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        let place = Span { start: at(inside.start - 2), end: at(inside.end + 2), ..piece };
        let new = format!("${{{written}}}");
        let d = Diagnostic::new(
            Code::TemplateBraces,
            place,
            format!("`{{{{{written}}}}}` is plain text in a string"),
        )
        .label("the value is not put in")
        .help("where the braces are meant, write the string as `r\"…\"`");
        let edits = vec![Edit::replace(place, new.clone())];
        let title = format!("write `{new}`");
        self.report(if safe { d.fix(title, edits) } else { d.unsafe_fix(title, edits) });
        true
    }

    /// Whether `${expr}` would be without a fault here. What is looked at is forgotten again.
    fn can_be_printed(&mut self, expr: &ast::Expr) -> bool {
        let (found, refs, later) = (self.diagnostics.len(), self.refs.len(), self.later_uses.len());
        let piece: Expr = self.go(expr, None);
        self.check_printable(&piece);
        let clean = self.diagnostics.len() == found;
        self.diagnostics.truncate(found);
        self.refs.truncate(refs);
        self.later_uses.truncate(later);
        clean
    }
}

/// What stands between `{{` and `}}`, on one line and without escapes. Three braces, and `${{…}}`, are other languages' on purpose.
fn insides(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|t| t.find("{{")).map(|n| from + n) {
        let start = open + 2;
        from = start;
        let rest = text.get(start..).unwrap_or("");
        let Some(length) = rest.find("}}") else { break };
        let inside = rest.get(..length).unwrap_or("");
        let other = inside.starts_with('{')
            || inside.contains("{{")
            || text.get(..open).is_some_and(|t| t.ends_with(['$', '{']));
        if !other && length <= MAX_INSIDE && !inside.contains(['\\', '\n', '\r']) {
            found.push(start..start + length);
            from = start + length + 2;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::insides;

    #[test]
    fn what_stands_between_double_braces_is_found() {
        let found = |text: &str| insides(text).into_iter().map(|r| text[r].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("a {{x}} b {{ y.z }}"), ["x", " y.z "]);
        assert_eq!(found("{{{x}}} ${{ y }} {{\n}} {{ \\n }} {{z}}"), ["z"]);
        assert_eq!(found("{{ {{x}} }}"), ["x"]);
        assert_eq!(found("{{x} }} {{"), ["x} "]);
    }
}
