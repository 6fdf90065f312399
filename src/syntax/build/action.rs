//! Statements, actions and clauses.

use super::{Builder, Cursor, P, Rule};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::Span;
use crate::syntax::ast::{
    Action, Approve, ApproveElse, ApproveStage, Backoff, Body, Call, Chain, Clause, ClauseKind, ErrorArm,
    Expr, For, ForBound, Ident, If, Loop, LoopElse, Match, MatchArm, OnError, Pattern, Race, Reaction,
    ReactionKind, Step, Stmt, StmtKind, Tolerate,
};

impl Builder<'_> {
    pub(super) fn body(&mut self, pair: P<'_>) -> Body {
        let span = self.span(&pair);
        if let Some(body) = self.bodies.remove(&span.start) {
            return body;
        }
        let stmts = pair.into_inner().filter_map(|p| self.stmt(p)).collect();
        Body { stmts, span }
    }

    fn body_in(&mut self, c: &mut Cursor<'_>) -> Option<Body> {
        c.find(Rule::body).map(|p| self.body(p))
    }

    /// A statement; `None` for punctuation.
    pub(super) fn stmt(&mut self, pair: P<'_>) -> Option<Stmt> {
        let span = self.span(&pair);
        let lead = self.lead(span.start);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        let kind = match rule {
            Rule::step => StmtKind::Step(self.step(c)?),
            Rule::stmt_let => {
                let name = c.find(Rule::name).map(|p| self.ident(&p))?;
                StmtKind::Let { name, value: self.expr_in(&mut c, Rule::expr)? }
            }
            Rule::stmt_require => {
                let cond = self.expr_in(&mut c, Rule::expr)?;
                let (kind, message) = c.find(Rule::message).map(|p| self.message(p))?;
                StmtKind::Require { cond, kind, message }
            }
            Rule::stmt_fail => {
                let (kind, message) = c.find(Rule::message).map(|p| self.message(p))?;
                StmtKind::Fail { kind, message }
            }
            Rule::stmt_return => {
                let value = self.expr_in(&mut c, Rule::expr)?;
                StmtKind::Return { value, until: self.expr_in(&mut c, Rule::expr) }
            }
            _ => return None,
        };
        Some(Stmt { lead, kind, span })
    }

    /// The kind and the text of a `message` pair.
    fn message(&mut self, pair: P<'_>) -> (Option<Ident>, Expr) {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        let kind = c.eat(Rule::error_kind).map(|p| self.ident(&p));
        let message = match c.next() {
            Some(p) if p.as_rule() == Rule::paren => {
                let inner = Cursor::new(p).find(Rule::expr).map(|p| self.expr(p).0);
                inner.unwrap_or_else(|| self.error_expr(span))
            }
            Some(p) if p.as_rule() == Rule::hole => self.error_expr(span),
            Some(p) => self.string(p),
            None => self.error_expr(span),
        };
        (kind, message)
    }

    /// A message where no kind may stand.
    fn bare_message(&mut self, c: &mut Cursor<'_>) -> Option<Expr> {
        let (kind, message) = c.find(Rule::message).map(|p| self.message(p))?;
        if let Some(kind) = kind {
            let d = Diagnostic::new(Code::Syntax, kind.span, "no error kind can be given here")
                .fix("remove it", vec![Edit::delete(kind.span)]);
            self.report(d);
        }
        Some(message)
    }

    fn step(&mut self, mut c: Cursor<'_>) -> Option<Step> {
        let name = c.find(Rule::name).map(|p| self.ident(&p))?;
        c.eat(Rule::p_eq);
        let action = c.next().and_then(|p| self.action(p))?;
        let mut clauses: Vec<Clause> = Vec::new();
        while let Some(pair) = c.next() {
            let rule = pair.as_rule();
            let Some(clause) = self.clause(pair) else { continue };
            let same =
                |other: &&Clause| std::mem::discriminant(&other.kind) == std::mem::discriminant(&clause.kind);
            if let Some(first) = clauses.iter().find(same) {
                let d = duplicate(self.text, clause.span, first.span, rule.describe());
                self.report(d);
            } else {
                clauses.push(clause);
            }
        }
        Some(Step { name, action, clauses })
    }

    fn action(&mut self, pair: P<'_>) -> Option<Action> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        if rule == Rule::call {
            return self.call(pair).map(Action::Call);
        }
        let mut c = Cursor::new(pair);
        Some(match rule {
            Rule::act_do => Action::Do(self.body_in(&mut c)?),
            Rule::act_for => Action::For(Box::new(self.act_for(c, span)?)),
            Rule::act_if => Action::If(Box::new(self.act_if(c, span)?)),
            Rule::act_match => Action::Match(Box::new(self.act_match(c, span)?)),
            Rule::act_loop => Action::Loop(Box::new(self.act_loop(c, span)?)),
            Rule::act_race => {
                let mut branches = Vec::new();
                while let Some(branch) = c.find(Rule::act_do) {
                    branches.extend(self.body_in(&mut Cursor::new(branch)));
                }
                Action::Race(Race { branches, span })
            }
            _ => Action::Error(span),
        })
    }

    pub(super) fn call(&mut self, pair: P<'_>) -> Option<Call> {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        let callee = c.find(Rule::path).map(|p| self.path(&p))?;
        let type_args = match c.eat(Rule::type_args) {
            Some(p) => {
                let types = p.into_inner().filter(|p| p.as_rule() == Rule::type_expr);
                types.map(|p| self.type_expr(p)).collect()
            }
            None => Vec::new(),
        };
        let args = c.find(Rule::call_args)?;
        let args_span = self.span(&args);
        Some(Call { callee, type_args, args: self.args(args).0, span, args_span })
    }

    /// Takes an option that may stand once.
    fn once<T>(&mut self, slot: &mut Option<(T, Span)>, value: T, span: Span, rule: Rule) {
        match slot {
            Some((_, first)) => {
                let d = duplicate(self.text, span, *first, rule.describe());
                self.report(d);
            }
            None => *slot = Some((value, span)),
        }
    }

    fn act_for(&mut self, mut c: Cursor<'_>, span: Span) -> Option<For> {
        let first = c.find(Rule::name).map(|p| self.ident(&p))?;
        let second = match c.eat(Rule::p_comma) {
            Some(_) => c.find(Rule::name).map(|p| self.ident(&p)),
            None => None,
        };
        let (index, item) = match second {
            Some(item) => (Some(first), item),
            None => (None, first),
        };
        let list = self.expr_in(&mut c, Rule::expr)?;
        let (mut bound, mut parallel, mut tolerate) = (None, None, None);
        let mut body = None;
        while let Some(pair) = c.next() {
            let (rule, here) = (pair.as_rule(), self.span(&pair));
            match rule {
                Rule::body => body = Some(self.body(pair)),
                Rule::for_max | Rule::for_first => {
                    let count = self.expr_in(&mut Cursor::new(pair), Rule::count)?;
                    let value = ForBound { first: rule == Rule::for_first, count, span: here };
                    self.once(&mut bound, value, here, rule);
                }
                Rule::for_parallel => {
                    let count = self.expr_in(&mut Cursor::new(pair), Rule::count)?;
                    self.once(&mut parallel, count, here, rule);
                }
                Rule::for_tolerate => {
                    let value = self.tolerate(pair)?;
                    self.once(&mut tolerate, value, here, rule);
                }
                _ => {}
            }
        }
        let (bound, parallel, tolerate) = (bound.map(|b| b.0), parallel.map(|p| p.0), tolerate.map(|t| t.0));
        Some(For { index, item, list, bound, parallel, tolerate, body: body?, span })
    }

    fn tolerate(&mut self, pair: P<'_>) -> Option<Tolerate> {
        let mut c = Cursor::new(pair);
        c.next();
        let value = c.next()?;
        if value.as_rule() != Rule::percent {
            return Some(Tolerate::Count(self.expr(value).0));
        }
        let span = self.span(&value);
        match super::literal::digits(self.word(&value).trim_end_matches('%')).parse::<u8>() {
            Ok(n) if n <= 100 => Some(Tolerate::Percent(n, span)),
            _ => {
                let d = Diagnostic::new(Code::BadLiteral, span, "a percentage is 0% to 100%");
                self.report(d);
                Some(Tolerate::Percent(100, span))
            }
        }
    }

    fn act_if(&mut self, mut c: Cursor<'_>, span: Span) -> Option<If> {
        let cond = self.expr_in(&mut c, Rule::expr)?;
        let body = self.body_in(&mut c)?;
        let mut arms = vec![(cond, body)];
        let mut otherwise = None;
        while let Some(pair) = c.next() {
            match pair.as_rule() {
                Rule::else_if => {
                    let mut inner = Cursor::new(pair);
                    let cond = self.expr_in(&mut inner, Rule::expr)?;
                    arms.push((cond, self.body_in(&mut inner)?));
                }
                Rule::body => otherwise = Some(self.body(pair)),
                _ => {}
            }
        }
        Some(If { arms, otherwise, span })
    }

    fn act_match(&mut self, mut c: Cursor<'_>, span: Span) -> Option<Match> {
        let subject = self.expr_in(&mut c, Rule::expr)?;
        let mut arms = Vec::new();
        while let Some(arm) = c.find(Rule::match_arm) {
            let span = self.span(&arm);
            let mut pattern = Vec::new();
            let mut body = None;
            for pair in arm.into_inner() {
                let here = self.span(&pair);
                match pair.as_rule() {
                    Rule::lit_true => pattern.push(Pattern::Bool(true, here)),
                    Rule::lit_false => pattern.push(Pattern::Bool(false, here)),
                    Rule::any => pattern.push(Pattern::Any(here)),
                    Rule::body => body = Some(self.body(pair)),
                    Rule::p_bar | Rule::p_fat_arrow => {}
                    _ => pattern.push(Pattern::Text(self.plain_text(pair))),
                }
            }
            if let Some(body) = body {
                arms.push(MatchArm { pattern, body, span });
            }
        }
        Some(Match { subject, arms, span })
    }

    fn act_loop(&mut self, mut c: Cursor<'_>, span: Span) -> Option<Loop> {
        let var = c.find(Rule::name).map(|p| self.ident(&p))?;
        let ty = match c.eat(Rule::p_colon) {
            Some(_) => c.find(Rule::type_expr).map(|p| self.type_expr(p)),
            None => None,
        };
        let init = self.expr_in(&mut c, Rule::expr)?;
        let (mut max, mut every, mut otherwise) = (None, None, None);
        let mut body = None;
        while let Some(pair) = c.next() {
            let (rule, here) = (pair.as_rule(), self.span(&pair));
            let mut inner = Cursor::new(pair.clone());
            match rule {
                Rule::body => body = Some(self.body(pair)),
                Rule::for_max => {
                    let count = self.expr_in(&mut inner, Rule::count)?;
                    self.once(&mut max, count, here, rule);
                }
                Rule::loop_every => {
                    let count = self.expr_in(&mut inner, Rule::count)?;
                    self.once(&mut every, count, here, rule);
                }
                Rule::loop_else => {
                    inner.next();
                    let value = match inner.eat(Rule::kw_last) {
                        Some(last) => LoopElse::Last(self.span(&last)),
                        None => LoopElse::Fail(self.bare_message(&mut inner)?),
                    };
                    self.once(&mut otherwise, value, here, rule);
                }
                _ => {}
            }
        }
        let (max, every, otherwise) = (max.map(|m| m.0), every.map(|e| e.0), otherwise.map(|o| o.0));
        Some(Loop { var, ty, init, max, every, otherwise, body: body?, span })
    }

    /// A clause of a step; `None` for punctuation.
    pub(in crate::syntax) fn clause(&mut self, pair: P<'_>) -> Option<Clause> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        let kind = match rule {
            Rule::cl_depends_on => {
                let mut names = Vec::new();
                while let Some(name) = c.find(Rule::name) {
                    names.push(self.ident(&name));
                }
                ClauseKind::DependsOn(names)
            }
            Rule::cl_when => ClauseKind::When(self.expr_in(&mut c, Rule::expr)?),
            Rule::cl_key => ClauseKind::Key(self.expr_in(&mut c, Rule::expr)?),
            Rule::cl_cache => ClauseKind::Cache(self.expr_in(&mut c, Rule::count)?),
            Rule::cl_timeout => ClauseKind::Timeout(self.expr_in(&mut c, Rule::count)?),
            Rule::cl_deadline => ClauseKind::Deadline(self.expr_in(&mut c, Rule::count)?),
            Rule::cl_approve => ClauseKind::Approve(self.approve(c)?),
            Rule::cl_on_error => ClauseKind::OnError(self.on_error(c)?),
            Rule::cl_compensate => {
                let call = c.find(Rule::call).and_then(|p| self.call(p))?;
                ClauseKind::Compensate { call, unless: self.expr_in(&mut c, Rule::expr) }
            }
            _ => return None,
        };
        Some(Clause { kind, span })
    }

    fn within(&mut self, pair: P<'_>) -> Option<Expr> {
        self.expr_in(&mut Cursor::new(pair), Rule::count)
    }

    fn approve(&mut self, mut c: Cursor<'_>) -> Option<Approve> {
        let question = self.expr_in(&mut c, Rule::expr)?;
        let (mut stages, mut quorum, mut otherwise) = (Vec::new(), None, None);
        while let Some(pair) = c.next() {
            let span = self.span(&pair);
            match pair.as_rule() {
                Rule::within => stages.push(ApproveStage { role: None, within: self.within(pair), span }),
                Rule::stage => {
                    let mut inner = Cursor::new(pair);
                    inner.next();
                    let role = inner.next().map(|p| self.plain_text(p));
                    let within = inner.find(Rule::within).and_then(|p| self.within(p));
                    stages.push(ApproveStage { role, within, span });
                }
                Rule::count => quorum = Some(self.expr(pair).0),
                Rule::approve_else => {
                    let mut inner = Cursor::new(pair);
                    inner.next();
                    otherwise = match inner.eat(Rule::kw_continue) {
                        Some(p) => Some(ApproveElse::Continue(self.span(&p))),
                        None => self.bare_message(&mut inner).map(ApproveElse::Fail),
                    };
                }
                _ => {}
            }
        }
        Some(Approve { question, stages, quorum, otherwise })
    }

    fn on_error(&mut self, mut c: Cursor<'_>) -> Option<OnError> {
        let mut arms = Vec::new();
        while let Some(pair) = c.next() {
            match pair.as_rule() {
                Rule::chain => return Some(OnError::Chain(self.chain(pair))),
                Rule::error_arm => arms.extend(self.error_arm(pair)),
                _ => {}
            }
        }
        Some(OnError::Arms(arms))
    }

    fn error_arm(&mut self, pair: P<'_>) -> Option<ErrorArm> {
        let span = self.span(&pair);
        let mut arm = (Vec::new(), None, None, None);
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::error_kind => arm.0.push(self.ident(&pair)),
                Rule::name => arm.1 = Some(self.ident(&pair)),
                Rule::expr => arm.2 = Some(self.expr(pair).0),
                Rule::chain => arm.3 = Some(self.chain(pair)),
                _ => {}
            }
        }
        let (kinds, binding, guard, chain) = arm;
        Some(ErrorArm { kinds, binding, guard, chain: chain?, span })
    }

    fn chain(&mut self, pair: P<'_>) -> Chain {
        let span = self.span(&pair);
        let reactions = pair.into_inner().filter_map(|p| self.reaction(p)).collect();
        Chain { reactions, span }
    }

    fn reaction(&mut self, pair: P<'_>) -> Option<Reaction> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        let kind = match rule {
            Rule::re_abort => ReactionKind::Abort,
            Rule::re_continue => ReactionKind::Continue,
            Rule::re_use => ReactionKind::Use(self.expr_in(&mut c, Rule::expr)?),
            Rule::re_fallback => ReactionKind::Fallback(c.find(Rule::call).and_then(|p| self.call(p))?),
            Rule::re_fail => ReactionKind::Fail(self.bare_message(&mut c)?),
            Rule::re_retry => {
                let count = self.expr_in(&mut c, Rule::count)?;
                let backoff = match c.find(Rule::backoff) {
                    Some(pair) => {
                        let span = self.span(&pair);
                        let mut c = Cursor::new(pair);
                        let from = self.expr_in(&mut c, Rule::count)?;
                        Some(Backoff { from, to: self.expr_in(&mut c, Rule::count), span })
                    }
                    None => None,
                };
                ReactionKind::Retry { count, backoff }
            }
            _ => return None,
        };
        Some(Reaction { kind, span })
    }
}

/// One thing that may stand once stands again at `span`.
pub(super) fn duplicate(text: &str, span: Span, first: Span, what: &str) -> Diagnostic {
    let d = Diagnostic::new(Code::DuplicateClause, span, format!("{what} stands twice"))
        .label("again")
        .also(first, "first here")
        .help("keep one of them");
    let edits = vec![Edit::delete(span)];
    let same = text.get(span.range()).map(str::trim) == text.get(first.range()).map(str::trim);
    if same { d.fix("remove the second", edits) } else { d.unsafe_fix("remove the second", edits) }
}
