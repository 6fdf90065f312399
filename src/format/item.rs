//! Files and items.

use super::clause_order::{plan_rank, skill_rank};
use super::comments::{Brackets, Lines, Printer};
use super::doc::{Doc, cat, group, indent, text};
use super::ty::angle_span;
use crate::source::Span;
use crate::syntax::ast::{
    BudgetItem, BudgetKind, EffectKind, File, Item, MockReply, MockReplyKind, Param, Plan, PlanClause,
    PlanClauseKind, RateUnit, Skill, SkillClause, SkillClauseKind, Test, TestStmt, TestStmtKind, Type,
    TypeDecl, Use,
};

fn place(item: &Item) -> Span {
    match item {
        Item::Use(item) => item.span,
        Item::Type(item) => item.span,
        Item::Skill(item) => item.span,
        Item::Plan(item) => item.span,
        Item::Test(item) => item.span,
    }
}

impl Printer<'_> {
    /// A whole file: one empty line between items; `use` lines stand together unless they were apart.
    pub(super) fn file(&mut self, file: &File) -> Doc {
        let mut lines = Lines::default();
        let mut last: Option<&Item> = None;
        for (i, item) in file.items.iter().enumerate() {
            let start = self.start(place(item));
            let mut own = Lines::default();
            self.comment_lines(&mut own, start);
            let commented = !own.docs.is_empty();
            let blank = self.blank_before(start);
            let doc = self.item(item);
            let limit = file.items.get(i + 1).map_or(usize::MAX, |next| self.start(place(next)));
            own.push(cat([doc, self.trailing(limit)]), blank);
            let together = !commented && !blank && matches!((last, item), (Some(Item::Use(_)), Item::Use(_)));
            // The first break of the item's own lines becomes the one between the items.
            let mut docs = own.docs.into_iter();
            docs.next();
            lines.push(Doc::Concat(docs.collect()), !together);
            last = Some(item);
        }
        self.comment_lines(&mut lines, usize::MAX);
        Doc::Concat(lines.docs)
    }

    fn item(&mut self, item: &Item) -> Doc {
        match item {
            Item::Use(item) => self.use_(item),
            Item::Type(item) => self.type_decl(item),
            Item::Skill(item) => self.skill(item),
            Item::Plan(item) => self.plan(item),
            Item::Test(item) => self.test(item),
        }
    }

    fn use_(&mut self, item: &Use) -> Doc {
        let mut docs = vec![self.lead(&item.lead), text("use"), Doc::Space, self.text_literal(&item.path)];
        if let Some(alias) = &item.alias {
            docs.extend([Doc::Space, text("as"), Doc::Space, self.ident(alias)]);
        }
        Doc::Concat(docs)
    }

    fn type_decl(&mut self, item: &TypeDecl) -> Doc {
        let lead = self.lead(&item.lead);
        let name = self.ident(&item.name);
        let opaque = if item.opaque { cat([text("opaque"), Doc::Space]) } else { Doc::Nil };
        let comments = self.before(self.start(item.ty.span));
        let ty = self.ty(&item.ty);
        let ty = if comments.breaks() { indent(cat([comments, ty])) } else { ty };
        cat([lead, text("type"), Doc::Space, name, text(" ="), Doc::Space, opaque, ty])
    }

    /// `(params) -> T`, behind `span`.
    fn signature(&mut self, span: Span, params: &[Param], output: Option<&Type>) -> Doc {
        let brackets = self.parens_at(span, params);
        let params = self.list(Brackets::Round, brackets, params, |param| param.span, Self::param);
        let output = match output {
            Some(ty) => {
                let comments = self.before(self.start(ty.span));
                cat([text(" ->"), Doc::Space, comments, self.ty(ty)])
            }
            None => Doc::Nil,
        };
        cat([params, output])
    }

    fn skill(&mut self, item: &Skill) -> Doc {
        let lead = self.lead(&item.lead);
        let name = self.path(&item.name);
        let generics = match angle_span(item.type_params.iter().map(|name| name.span)) {
            Some(span) => self.list(Brackets::Angle, span, &item.type_params, |name| name.span, Self::ident),
            None => Doc::Nil,
        };
        let signature = self.signature(
            item.type_params.last().map_or(item.name.span, |last| last.span),
            &item.params,
            item.output.as_ref(),
        );
        let trailing = match item.clauses.first() {
            Some(first) => self.trailing(self.start(first.span)),
            None => Doc::Nil,
        };
        let clauses = self.sorted_clauses(&item.clauses, |c| c.span, skill_rank, Self::skill_clause);
        cat([lead, text("skill"), Doc::Space, name, generics, signature, trailing, indent(clauses)])
    }

    fn skill_clause(&mut self, clause: &SkillClause) -> Doc {
        match &clause.kind {
            SkillClauseKind::Effect { kind, resource } => {
                let word = text(match kind {
                    EffectKind::Pure => "pure",
                    EffectKind::Reads => "reads",
                    EffectKind::Appends => "appends",
                    EffectKind::Writes => "writes",
                    EffectKind::Irreversible => "irreversible",
                });
                match resource {
                    Some(resource) => cat([word, Doc::Space, self.value(resource)]),
                    None => word,
                }
            }
            SkillClauseKind::Idempotent { by_key } => {
                text(if *by_key { "idempotent by key" } else { "idempotent" })
            }
            SkillClauseKind::Throws(errors) => self.throws(errors),
            SkillClauseKind::Cost(cost) => cat([text("cost"), Doc::Space, self.value(cost), text(" usd")]),
            SkillClauseKind::Tokens(count) => cat([text("tokens"), Doc::Space, self.value(count)]),
            SkillClauseKind::Time(time) => cat([text("time"), Doc::Space, self.value(time)]),
            SkillClauseKind::Rate(rate) => {
                let unit = match rate.per {
                    RateUnit::Second => "s",
                    RateUnit::Minute => "min",
                    RateUnit::Hour => "h",
                };
                let rate = self.at(rate.span, text(format!("{}/{unit}", self.count(rate.span, rate.count))));
                cat([text("rate"), Doc::Space, rate])
            }
            SkillClauseKind::Wire(name) => cat([text("wire"), Doc::Space, self.text_literal(name)]),
            SkillClauseKind::Deprecated(why) => cat([text("deprecated"), Doc::Space, self.text_literal(why)]),
        }
    }

    fn plan(&mut self, item: &Plan) -> Doc {
        let lead = self.lead(&item.lead);
        let name = self.ident(&item.name);
        let signature = self.signature(item.name.span, &item.params, item.output.as_ref());
        let brace = item.body.span.range().start;
        let trailing = self.trailing(item.clauses.first().map_or(brace, |first| self.start(first.span)));
        let clauses = self.sorted_clauses(&item.clauses, |c| c.span, plan_rank, Self::plan_clause);
        let mut lines = Lines::default();
        self.comment_lines(&mut lines, brace);
        let header = cat([trailing, indent(cat([clauses, Doc::Concat(lines.docs)]))]);
        let line = if header.breaks() { Doc::HardLine } else { Doc::Space };
        let body = self.body(&item.body);
        cat([lead, text("plan"), Doc::Space, name, signature, header, line, body])
    }

    fn plan_clause(&mut self, clause: &PlanClause) -> Doc {
        match &clause.kind {
            PlanClauseKind::Goal(goal) => cat([text("goal"), Doc::Space, self.value(goal)]),
            PlanClauseKind::Budget(items) => {
                let mut docs = Vec::new();
                for (i, item) in items.iter().enumerate() {
                    let item = cat([self.before(self.start(item.span)), self.budget(item)]);
                    let comma = if i + 1 < items.len() { text(",") } else { Doc::Nil };
                    docs.extend([if i > 0 { Doc::Line } else { Doc::Nil }, item, comma]);
                }
                group(cat([text("budget"), Doc::Space, indent(Doc::Concat(docs))]))
            }
            PlanClauseKind::Throws(errors) => self.throws(errors),
            PlanClauseKind::Concurrency(count) => cat([text("concurrency"), Doc::Space, self.amount(count)]),
            PlanClauseKind::Planner(name) => cat([text("planner"), Doc::Space, self.text_literal(name)]),
            PlanClauseKind::PlannerVersion(version) => {
                cat([text("planner_version"), Doc::Space, self.text_literal(version)])
            }
            PlanClauseKind::Meta(record) => cat([text("meta"), Doc::Space, self.value(record)]),
        }
    }

    fn budget(&mut self, item: &BudgetItem) -> Doc {
        let (word, unit) = match item.kind {
            BudgetKind::Cost => ("cost", " usd"),
            BudgetKind::Tokens => ("tokens", ""),
            BudgetKind::Time => ("time", ""),
            BudgetKind::Calls => ("calls", ""),
        };
        cat([text(word), Doc::Space, self.amount(&item.amount), text(unit)])
    }

    fn test(&mut self, item: &Test) -> Doc {
        let lead = self.lead(&item.lead);
        let name = self.text_literal(&item.name);
        let plan = self.path(&item.plan);
        let body = self.block(item.body_span, &item.stmts, |stmt| stmt.span, Self::test_stmt);
        cat([lead, text("test"), Doc::Space, name, text(" for"), Doc::Space, plan, Doc::Space, body])
    }

    fn test_stmt(&mut self, stmt: &TestStmt) -> Doc {
        match &stmt.kind {
            TestStmtKind::Input(record) => cat([text("input"), Doc::Space, self.value(record)]),
            TestStmtKind::Mock { skill, replies } => {
                let skill = self.path(skill);
                let mut docs = Vec::new();
                for (i, reply) in replies.iter().enumerate() {
                    let comments = self.before(self.start(reply.span));
                    if i > 0 {
                        docs.extend([Doc::Line, text("then"), Doc::Space]);
                    }
                    docs.extend([comments, self.reply(reply)]);
                }
                let replies = indent(Doc::Concat(docs));
                group(cat([text("mock"), Doc::Space, skill, text(" =>"), Doc::Space, replies]))
            }
            TestStmtKind::Approve(step) => cat([text("approve"), Doc::Space, self.ident(step)]),
            TestStmtKind::Deny(step) => cat([text("deny"), Doc::Space, self.ident(step)]),
            TestStmtKind::Signal { name, value } => {
                let name = self.text_literal(name);
                cat([text("signal"), Doc::Space, name, text(" =>"), Doc::Space, self.value(value)])
            }
            TestStmtKind::Expect(cond) => cat([text("expect"), Doc::Space, self.value(cond)]),
        }
    }

    fn reply(&mut self, reply: &MockReply) -> Doc {
        let mut docs = match &reply.kind {
            MockReplyKind::Value(value) => vec![self.value(value)],
            MockReplyKind::Throw { kind, details } => {
                let mut docs = vec![text("throw"), Doc::Space, self.ident(kind)];
                if let Some(details) = details {
                    docs.extend([Doc::Space, self.value(details)]);
                }
                docs
            }
        };
        if let Some(times) = &reply.times {
            docs.extend([Doc::Space, text("times"), Doc::Space, self.amount(times)]);
        }
        Doc::Concat(docs)
    }
}
