//! Signatures as text, and which argument of which call the cursor stands in.

use super::forms;
use super::scope::{Callee, Scope};
use crate::expr::functions;
use crate::format;
use crate::project::Project;
use crate::syntax::ast::{self, Body, Item, Lead};
use crate::syntax::tokens::{Token, TokenKind, tokens};

/// The signature of the call around the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Help {
    /// `http.get(url: public string, …) -> …`
    pub label: String,
    pub docs: String,
    pub params: Vec<HelpParam>,
    /// The parameter at the cursor.
    pub active: Option<usize>,
}

/// A parameter in a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct HelpParam {
    /// Its place in the label, in bytes.
    pub label: (usize, usize),
    pub docs: String,
}

/// A skill or plan as it is declared, without documentation and without a plan's body.
pub(crate) fn declared(callee: Callee<'_>) -> String {
    let bare = |params: &[ast::Param]| -> Vec<ast::Param> {
        params.iter().map(|p| ast::Param { lead: Lead::default(), ..p.clone() }).collect()
    };
    let item = match callee {
        Callee::Skill(s) => {
            Item::Skill(ast::Skill { lead: Lead::default(), params: bare(&s.params), ..s.clone() })
        }
        Callee::Plan(p) => Item::Plan(ast::Plan {
            lead: Lead::default(),
            params: bare(&p.params),
            body: Body { stmts: Vec::new(), span: p.body.span },
            name: p.name.clone(),
            output: p.output.clone(),
            clauses: p.clauses.clone(),
            span: p.span,
        }),
    };
    let text = format::file(&ast::File { items: vec![item] });
    text.trim_end().trim_end_matches("{}").trim_end_matches("{ }").trim_end().to_owned()
}

/// A type declaration, without documentation.
pub(crate) fn type_text(decl: &ast::TypeDecl) -> String {
    let item = Item::Type(ast::TypeDecl { lead: Lead::default(), ..decl.clone() });
    format::file(&ast::File { items: vec![item] }).trim_end().to_owned()
}

/// A parameter: `name: type = default`.
pub(crate) fn param_text(param: &ast::Param) -> String {
    let default = param.default.as_ref().map(|d| format!(" = {}", format::expr(d))).unwrap_or_default();
    let optional = if param.optional { "?" } else { "" };
    format!("{}{optional}: {}{default}", param.name.name, format::ty(&param.ty))
}

/// The call whose parentheses are open before the cursor: its name, and what stands in them so far.
#[derive(Debug)]
pub(crate) struct OpenCall<'t> {
    pub(crate) callee: String,
    /// Whether it is called on a value: `xs.map(`
    pub(crate) receiver: bool,
    /// The names of the arguments before the cursor's; an empty one has none.
    pub(crate) before: Vec<&'t str>,
    /// The name of the argument at the cursor, when it has been written.
    pub(crate) name: Option<&'t str>,
}

/// Reads the tokens before a place backwards, up to the parenthesis that is open there.
pub(crate) fn open_call<'t>(before: &[Token<'t>]) -> Option<OpenCall<'t>> {
    let mut depth = 0_usize;
    let mut args: Vec<&'t str> = Vec::new();
    let mut at = before.len();
    // The name of an argument is the word whose next token is a colon, right behind `(` or `,`.
    let name_at = |n: usize| match (before.get(n), before.get(n + 1)) {
        (Some(word), Some(colon)) if word.kind == TokenKind::Word && colon.text == ":" => word.text,
        _ => "",
    };
    loop {
        at = at.checked_sub(1)?;
        let token = before.get(at)?;
        match token.kind {
            TokenKind::Close => depth += 1,
            TokenKind::Open if depth > 0 => depth -= 1,
            TokenKind::Open if token.text == "(" => {
                args.push(name_at(at + 1));
                break;
            }
            // A list or record inside of the argument.
            TokenKind::Open => args.clear(),
            TokenKind::Punct if depth == 0 && token.text == "," => args.push(name_at(at + 1)),
            TokenKind::Word if depth == 0 && token.first && super::complete::HEADS.contains(&token.text) => {
                return None;
            }
            _ => {}
        }
    }
    let (callee, receiver) = callee_before(before, at)?;
    args.reverse();
    let current = args.pop().filter(|n| !n.is_empty());
    Some(OpenCall { callee, receiver, before: args, name: current })
}

/// The dotted name right before a parenthesis.
fn callee_before(before: &[Token<'_>], paren: usize) -> Option<(String, bool)> {
    let mut at = paren.checked_sub(1)?;
    // Type arguments: `llm.extract<T>(`
    if before.get(at)?.text == ">" {
        let mut depth = 1;
        while depth > 0 {
            at = at.checked_sub(1)?;
            match before.get(at)?.text {
                ">" => depth += 1,
                "<" => depth -= 1,
                _ => {}
            }
        }
        at = at.checked_sub(1)?;
    }
    let last = before.get(at)?;
    if last.kind != TokenKind::Word {
        return None;
    }
    let mut parts = vec![last.text];
    let mut receiver = false;
    while let Some(dot) =
        at.checked_sub(1).and_then(|n| before.get(n)).filter(|t| matches!(t.text, "." | "?."))
    {
        receiver = true;
        let Some(word) = at.checked_sub(2).and_then(|n| before.get(n)) else { break };
        if word.kind != TokenKind::Word || dot.text == "?." {
            break;
        }
        parts.push(word.text);
        at -= 2;
    }
    parts.reverse();
    Some((parts.join("."), receiver))
}

/// The tokens of the statement or item before an offset, comments left out.
pub(crate) fn tokens_before(text: &str, from: u32, offset: u32) -> Vec<Token<'_>> {
    let all = tokens(text, from as usize, offset as usize);
    all.filter(|t| t.kind != TokenKind::Comment).collect()
}

/// The signature of the call around an offset of the first file.
#[must_use]
pub fn help(project: &Project, offset: u32) -> Option<Help> {
    let text = super::entry_text(project);
    let start = super::complete::piece_start(project, offset);
    let before = tokens_before(text, start, offset);
    let before = super::complete::inside_text(text, &before, offset).unwrap_or(before);
    let call = open_call(&before)?;
    let scope = Scope { project, file: 0 };
    match scope.callee(&call.callee) {
        Some(callee) => Some(of_callee(callee, &call)),
        None => of_function(&call),
    }
}

fn of_callee(callee: Callee<'_>, call: &OpenCall<'_>) -> Help {
    let mut label = format!("{}(", call.callee);
    let mut params = Vec::new();
    for (i, param) in callee.params().iter().enumerate() {
        if i > 0 {
            label.push_str(", ");
        }
        let start = label.len();
        label.push_str(&param_text(param));
        params.push(HelpParam {
            label: (start, label.len()),
            docs: param.lead.docs.as_deref().unwrap_or("").to_owned(),
        });
    }
    label.push(')');
    if let Some(output) = callee.output() {
        label.push_str(&format!(" -> {}", format::ty(output)));
    }
    let named = |name: &str| callee.params().iter().position(|p| &*p.name.name == name);
    // Without a name the next parameter that is not given yet is meant.
    let active = match call.name {
        Some(name) => named(name),
        None => callee.params().iter().position(|p| !call.before.contains(&&*p.name.name)),
    };
    Help { label, docs: callee.docs().unwrap_or("").to_owned(), params, active }
}

fn of_function(call: &OpenCall<'_>) -> Option<Help> {
    let short = call.callee.rsplit('.').next().unwrap_or(&call.callee);
    if let Some(form) = forms::by_name(short, call.receiver) {
        return Some(of_label(form.signature.to_owned(), form.doc, call));
    }
    let row = functions::by_name(&call.callee)
        .or_else(|| functions::lookup(short, call.receiver))
        .or_else(|| functions::by_name(short))?;
    Some(of_label(row.to_string().lines().next().unwrap_or("").to_owned(), row.doc, call))
}

/// Help for a call that is described by a line.
fn of_label(label: String, docs: &str, call: &OpenCall<'_>) -> Help {
    let mut params = Vec::new();
    if let (Some(open), Some(close)) = (label.find('('), label.rfind(") ->")) {
        let mut at = open + 1;
        for part in label.get(at..close).unwrap_or("").split(", ") {
            if !part.is_empty() && part != "…" {
                params.push(HelpParam { label: (at, at + part.len()), docs: String::new() });
            }
            at += part.len() + 2;
        }
    }
    let active = Some(call.before.len()).filter(|n| *n < params.len());
    Help { label, docs: docs.to_owned(), params, active }
}
