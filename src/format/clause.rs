//! The clauses of a step, in their one order.

use super::comments::{Lines, Printer};
use super::doc::{Doc, cat, group, indent, text};
use crate::source::Span;
use crate::syntax::ast::{
    Approve, ApproveElse, Chain, Clause, ClauseKind, ErrorArm, OnError, Reaction, ReactionKind,
};

/// Above this, arms are not aligned: their lines would get too long.
const ALIGNED_WIDTH: usize = 84;

fn rank(clause: &Clause) -> usize {
    match clause.kind {
        ClauseKind::DependsOn(_) => 0,
        ClauseKind::When(_) => 1,
        ClauseKind::Key(_) => 2,
        ClauseKind::Cache(_) => 3,
        ClauseKind::Approve(_) => 4,
        ClauseKind::Timeout(_) => 5,
        ClauseKind::Deadline(_) => 6,
        ClauseKind::OnError(_) => 7,
        ClauseKind::Compensate { .. } => 8,
    }
}

impl Printer<'_> {
    pub(super) fn step_clauses(&mut self, clauses: &[Clause]) -> Doc {
        self.sorted_clauses(clauses, |clause| clause.span, rank, Self::clause)
    }

    /// Clauses one a line in their order; comments move with the clause they stand before or behind.
    pub(super) fn sorted_clauses<T>(
        &mut self,
        clauses: &[T],
        place: impl Fn(&T) -> Span,
        rank: impl Fn(&T) -> usize,
        mut print: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        // Read in the order of the text, so that the comments are met in theirs.
        let mut docs = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let mut lines = Lines::default();
            self.comment_lines(&mut lines, self.start(place(clause)));
            let doc = print(self, clause);
            lines.push(cat([doc, self.trailing_after(place(clause))]), false);
            docs.push((rank(clause), without_blank_lines(lines.docs)));
        }
        docs.sort_by_key(|(rank, _)| *rank);
        Doc::Concat(docs.into_iter().map(|(_, doc)| doc).collect())
    }

    fn clause(&mut self, clause: &Clause) -> Doc {
        match &clause.kind {
            ClauseKind::DependsOn(names) => {
                cat([text("depends_on"), Doc::Space, self.names(clause.span, names)])
            }
            ClauseKind::When(cond) => cat([text("when"), Doc::Space, self.value(cond)]),
            ClauseKind::Key(key) => cat([text("key"), Doc::Space, self.value(key)]),
            ClauseKind::Cache(time) => cat([text("cache"), Doc::Space, self.amount(time)]),
            ClauseKind::Approve(approve) => self.approve(approve),
            ClauseKind::Timeout(time) => cat([text("timeout"), Doc::Space, self.amount(time)]),
            ClauseKind::Deadline(time) => cat([text("deadline"), Doc::Space, self.amount(time)]),
            ClauseKind::OnError(OnError::Chain(chain)) => {
                cat([text("on_error"), Doc::Space, self.chain(chain)])
            }
            ClauseKind::OnError(OnError::Arms(arms)) => {
                let braces = self.braces_behind(clause.span.head(), clause.span);
                cat([text("on_error"), Doc::Space, self.error_arms(braces, arms)])
            }
            ClauseKind::Compensate { call, unless } => {
                let call = self.call(call);
                let unless = match unless {
                    Some(cond) => indent(cat([Doc::Line, text("unless"), Doc::Space, self.value(cond)])),
                    None => Doc::Nil,
                };
                group(cat([text("compensate"), Doc::Space, call, unless]))
            }
        }
    }

    fn approve(&mut self, approve: &Approve) -> Doc {
        let question = self.value(&approve.question);
        let mut parts = Vec::new();
        for (i, stage) in approve.stages.iter().enumerate() {
            let mut words = vec![self.before(self.start(stage.span))];
            if i > 0 {
                words.extend([text("then"), Doc::Space]);
            }
            if let Some(role) = &stage.role {
                words.extend([text("by"), Doc::Space, self.text_literal(role), Doc::Space]);
            }
            if let Some(within) = &stage.within {
                words.extend([text("within"), Doc::Space, self.amount(within)]);
            }
            if stage.role.is_some() || stage.within.is_some() {
                parts.extend([Doc::Line, Doc::Concat(words)]);
            }
        }
        if let Some(quorum) = &approve.quorum {
            parts.extend([Doc::Line, text("quorum"), Doc::Space, self.amount(quorum)]);
        }
        if let Some(otherwise) = &approve.otherwise {
            let otherwise = match otherwise {
                ApproveElse::Continue(span) => self.at(*span, text("continue")),
                ApproveElse::Fail(message) => self.fail(message),
            };
            parts.extend([Doc::Line, text("else"), Doc::Space, otherwise]);
        }
        group(cat([text("approve"), Doc::Space, question, indent(Doc::Concat(parts))]))
    }

    /// `retry 3 then use x`
    fn chain(&mut self, chain: &Chain) -> Doc {
        let mut head = Doc::Nil;
        let mut tail = Vec::new();
        for (i, reaction) in chain.reactions.iter().enumerate() {
            let comments = self.before(self.start(reaction.span));
            let doc = cat([comments, self.reaction(reaction)]);
            if i == 0 {
                head = doc;
            } else {
                tail.extend([Doc::Line, text("then"), Doc::Space, doc]);
            }
        }
        group(cat([head, indent(Doc::Concat(tail))]))
    }

    fn reaction(&mut self, reaction: &Reaction) -> Doc {
        match &reaction.kind {
            ReactionKind::Abort => text("abort"),
            ReactionKind::Continue => text("continue"),
            ReactionKind::Use(value) => cat([text("use"), Doc::Space, self.value(value)]),
            ReactionKind::Fallback(call) => cat([text("fallback"), Doc::Space, self.call(call)]),
            ReactionKind::Fail(message) => self.fail(message),
            ReactionKind::Retry { count, backoff } => {
                let mut docs = vec![text("retry"), Doc::Space, self.amount(count)];
                if let Some(backoff) = backoff {
                    let comments = self.before(self.start(backoff.span));
                    docs.extend([
                        Doc::Space,
                        comments,
                        text("backoff"),
                        Doc::Space,
                        self.amount(&backoff.from),
                    ]);
                    if let Some(to) = &backoff.to {
                        docs.extend([text(".."), self.amount(to)]);
                    }
                }
                Doc::Concat(docs)
            }
        }
    }

    /// The arms of a handler, their arrows in one column if every arm fits on a line.
    fn error_arms(&mut self, braces: Span, arms: &[ErrorArm]) -> Doc {
        let column = if self.columns { self.arrow_column(arms) } else { None };
        self.block(
            braces,
            arms,
            |arm| arm.span,
            |p, arm| {
                let padding = match column {
                    Some(column) => {
                        column.saturating_sub(p.preview().arm_head(arm).render_flat().chars().count())
                    }
                    None => 0,
                };
                let head = p.arm_head(arm);
                cat([head, text(" ".repeat(padding)), text(" =>"), Doc::Space, p.chain(&arm.chain)])
            },
        )
    }

    fn arrow_column(&self, arms: &[ErrorArm]) -> Option<usize> {
        let mut widest = (0, 0);
        for arm in arms {
            let head = self.preview().arm_head(arm).render_flat().chars().count();
            let chain = self.preview().chain(&arm.chain).render_flat().chars().count();
            widest = (widest.0.max(head), widest.1.max(chain));
        }
        (widest.0 + widest.1 <= ALIGNED_WIDTH).then_some(widest.0)
    }

    fn arm_head(&mut self, arm: &ErrorArm) -> Doc {
        let mut docs = Vec::new();
        for (i, kind) in arm.kinds.iter().enumerate() {
            if i > 0 {
                docs.extend([Doc::Line, text("|"), Doc::Space]);
            }
            docs.push(self.ident(kind));
        }
        if let Some(name) = &arm.binding {
            docs.extend([Doc::Space, text("as"), Doc::Space, self.ident(name)]);
        }
        if let Some(guard) = &arm.guard {
            docs.extend([Doc::Space, text("when"), Doc::Space, self.value(guard)]);
        }
        group(Doc::Concat(docs))
    }
}

/// Clauses stand together.
fn without_blank_lines(docs: Vec<Doc>) -> Doc {
    let tight = |doc| if matches!(doc, Doc::BlankLine) { Doc::HardLine } else { doc };
    Doc::Concat(docs.into_iter().map(tight).collect())
}
