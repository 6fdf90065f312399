//! Items: uses, types, skills, plans, tests.

use super::action::duplicate;
use super::{Builder, Cursor, P, Rule};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{
    Body, BudgetItem, BudgetKind, EffectKind, ErrorDecl, Item, MockReply, MockReplyKind, Plan, PlanClause,
    PlanClauseKind, Rate, RateUnit, Skill, SkillClause, SkillClauseKind, Test, TestStmt, TestStmtKind, Type,
    TypeDecl, TypeKind, Use,
};

impl Builder<'_> {
    pub(super) fn item(&mut self, pair: P<'_>) -> Option<Item> {
        let span = self.span(&pair);
        let lead = self.lead(span.start);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        c.next();
        match rule {
            Rule::item_use => {
                let path = c.next().map(|p| self.plain_text(p))?;
                let alias = c.find(Rule::name).map(|p| self.ident(&p));
                Some(Item::Use(Use { lead, path, alias, span }))
            }
            Rule::item_type => {
                let name = c.find(Rule::name).map(|p| self.ident(&p))?;
                c.eat(Rule::p_eq);
                let opaque = c.eat(Rule::kw_opaque).is_some();
                let ty = c.find(Rule::type_expr).map(|p| self.type_expr(p))?;
                Some(Item::Type(TypeDecl { lead, name, opaque, ty, span }))
            }
            Rule::item_skill => {
                let mut skill = self.skill(c, span)?;
                skill.lead = lead;
                Some(Item::Skill(skill))
            }
            Rule::item_plan => {
                let mut plan = self.plan(c, span)?;
                plan.lead = lead;
                Some(Item::Plan(plan))
            }
            Rule::item_test => {
                let name = c.next().map(|p| self.plain_text(p))?;
                let plan = c.find(Rule::path).map(|p| self.path(&p))?;
                let open = c.find(Rule::p_lbrace).map(|p| self.span(&p))?;
                let mut stmts = Vec::new();
                while let Some(pair) = c.next() {
                    stmts.extend(self.test_stmt(pair));
                }
                Some(Item::Test(Test { lead, name, plan, stmts, span, body_span: open.to(span.tail()) }))
            }
            _ => None,
        }
    }

    fn result(&mut self, pair: P<'_>) -> Option<Type> {
        Cursor::new(pair).find(Rule::type_expr).map(|p| self.type_expr(p))
    }

    fn skill(&mut self, mut c: Cursor<'_>, span: Span) -> Option<Skill> {
        let name = c.find(Rule::path).map(|p| self.path(&p))?;
        let mut skill = Skill {
            lead: Default::default(),
            name,
            type_params: Vec::new(),
            params: Vec::new(),
            output: None,
            clauses: Vec::new(),
            span,
        };
        while let Some(pair) = c.next() {
            match pair.as_rule() {
                Rule::type_params => {
                    let names = pair.into_inner().filter(|p| p.as_rule() == Rule::name);
                    skill.type_params = names.map(|p| self.ident(&p)).collect();
                }
                Rule::params => skill.params = self.params(pair),
                Rule::result => skill.output = self.result(pair),
                rule => {
                    let Some(clause) = self.skill_clause(pair) else { continue };
                    let kind = std::mem::discriminant(&clause.kind);
                    let first = skill.clauses.iter().find(|o| std::mem::discriminant(&o.kind) == kind);
                    match first.filter(|_| !matches!(clause.kind, SkillClauseKind::Effect { .. })) {
                        Some(first) => {
                            let d = duplicate(self.text, clause.span, first.span, rule.describe());
                            self.report(d);
                        }
                        None => skill.clauses.push(clause),
                    }
                }
            }
        }
        Some(skill)
    }

    fn skill_clause(&mut self, pair: P<'_>) -> Option<SkillClause> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        let kind = match rule {
            Rule::sc_effect => {
                let kind = match c.next()?.as_rule() {
                    Rule::kw_pure => EffectKind::Pure,
                    Rule::kw_reads => EffectKind::Reads,
                    Rule::kw_appends => EffectKind::Appends,
                    Rule::kw_writes => EffectKind::Writes,
                    _ => EffectKind::Irreversible,
                };
                SkillClauseKind::Effect { kind, resource: c.next().map(|p| self.string(p)) }
            }
            Rule::sc_idempotent => SkillClauseKind::Idempotent { by_key: c.find(Rule::kw_by).is_some() },
            Rule::clause_throws => SkillClauseKind::Throws(self.throws(c)),
            Rule::sc_cost => SkillClauseKind::Cost(self.expr_in(&mut c, Rule::expr)?),
            Rule::sc_tokens => SkillClauseKind::Tokens(self.expr_in(&mut c, Rule::expr)?),
            Rule::sc_time => SkillClauseKind::Time(self.expr_in(&mut c, Rule::expr)?),
            Rule::sc_rate => {
                let count = c.find(Rule::int)?;
                let number = super::literal::digits(self.word(&count)).parse::<i64>();
                if number.is_err() {
                    let d = Diagnostic::new(Code::BadLiteral, self.span(&count), "the number is too large");
                    self.report(d);
                }
                let unit = c.find(Rule::rate_unit)?;
                let per = match self.word(&unit) {
                    "s" => RateUnit::Second,
                    "min" => RateUnit::Minute,
                    _ => RateUnit::Hour,
                };
                SkillClauseKind::Rate(Rate {
                    count: number.unwrap_or(1),
                    per,
                    span: self.span(&count).to(self.span(&unit)),
                })
            }
            Rule::sc_wire | Rule::sc_deprecated => {
                c.next();
                let text = c.next().map(|p| self.plain_text(p))?;
                if rule == Rule::sc_wire {
                    SkillClauseKind::Wire(text)
                } else {
                    SkillClauseKind::Deprecated(text)
                }
            }
            _ => return None,
        };
        Some(SkillClause { kind, span })
    }

    fn throws(&mut self, mut c: Cursor<'_>) -> Vec<ErrorDecl> {
        let mut errors = Vec::new();
        while let Some(pair) = c.find(Rule::error_decl) {
            let span = self.span(&pair);
            let mut inner = Cursor::new(pair);
            let Some(name) = inner.find(Rule::name).map(|p| self.ident(&p)) else { continue };
            let fields = inner.find(Rule::params).map_or_else(Vec::new, |p| self.params(p));
            errors.push(ErrorDecl { name, fields, span });
        }
        errors
    }

    fn plan(&mut self, mut c: Cursor<'_>, span: Span) -> Option<Plan> {
        let name = c.find(Rule::name).map(|p| self.ident(&p))?;
        let mut plan = Plan {
            lead: Default::default(),
            name,
            params: Vec::new(),
            output: None,
            clauses: Vec::new(),
            body: Body { stmts: Vec::new(), span: span.tail() },
            span,
        };
        while let Some(pair) = c.next() {
            match pair.as_rule() {
                Rule::params => plan.params = self.params(pair),
                Rule::result => plan.output = self.result(pair),
                Rule::body => plan.body = self.body(pair),
                rule => {
                    let Some(clause) = self.plan_clause(pair) else { continue };
                    let kind = std::mem::discriminant(&clause.kind);
                    match plan.clauses.iter().find(|o| std::mem::discriminant(&o.kind) == kind) {
                        Some(first) => {
                            let d = duplicate(self.text, clause.span, first.span, rule.describe());
                            self.report(d);
                        }
                        None => plan.clauses.push(clause),
                    }
                }
            }
        }
        Some(plan)
    }

    fn plan_clause(&mut self, pair: P<'_>) -> Option<PlanClause> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        let kind = match rule {
            Rule::pc_goal => PlanClauseKind::Goal(self.expr_in(&mut c, Rule::expr)?),
            Rule::pc_budget => {
                let mut items: Vec<BudgetItem> = Vec::new();
                while let Some(pair) = c.find(Rule::budget_item) {
                    let span = self.span(&pair);
                    let mut inner = Cursor::new(pair);
                    let (kind, what) = match inner.next()?.as_rule() {
                        Rule::kw_cost => (BudgetKind::Cost, "`cost`"),
                        Rule::kw_tokens => (BudgetKind::Tokens, "`tokens`"),
                        Rule::kw_time => (BudgetKind::Time, "`time`"),
                        _ => (BudgetKind::Calls, "`calls`"),
                    };
                    let amount = self.expr_in(&mut inner, Rule::count)?;
                    if let Some(first) = items.iter().find(|i| i.kind == kind) {
                        let d = duplicate(self.text, span, first.span, what);
                        self.report(d);
                    } else {
                        items.push(BudgetItem { kind, amount, span });
                    }
                }
                PlanClauseKind::Budget(items)
            }
            Rule::clause_throws => PlanClauseKind::Throws(self.throws(c)),
            Rule::pc_concurrency => PlanClauseKind::Concurrency(self.expr_in(&mut c, Rule::count)?),
            Rule::pc_planner | Rule::pc_planner_version => {
                c.next();
                let text = c.next().map(|p| self.plain_text(p))?;
                if rule == Rule::pc_planner {
                    PlanClauseKind::Planner(text)
                } else {
                    PlanClauseKind::PlannerVersion(text)
                }
            }
            Rule::pc_meta => PlanClauseKind::Meta(c.find(Rule::record).map(|p| self.record(p).0)?),
            _ => return None,
        };
        Some(PlanClause { kind, span })
    }

    /// A line of a test; `None` for punctuation.
    pub(in crate::syntax) fn test_stmt(&mut self, pair: P<'_>) -> Option<TestStmt> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut c = Cursor::new(pair);
        c.next();
        let kind = match rule {
            Rule::t_input => TestStmtKind::Input(c.find(Rule::record).map(|p| self.record(p).0)?),
            Rule::t_mock => {
                let skill = c.find(Rule::path).map(|p| self.path(&p))?;
                let mut replies = Vec::new();
                while let Some(pair) = c.find(Rule::mock_reply) {
                    replies.push(self.mock_reply(pair)?);
                }
                TestStmtKind::Mock { skill, replies }
            }
            Rule::t_approve => TestStmtKind::Approve(c.find(Rule::name).map(|p| self.ident(&p))?),
            Rule::t_deny => TestStmtKind::Deny(c.find(Rule::name).map(|p| self.ident(&p))?),
            Rule::t_signal => {
                let name = c.next().map(|p| self.plain_text(p))?;
                TestStmtKind::Signal { name, value: self.expr_in(&mut c, Rule::expr)? }
            }
            Rule::t_expect => TestStmtKind::Expect(self.expr_in(&mut c, Rule::expr)?),
            _ => return None,
        };
        Some(TestStmt { kind, span })
    }

    fn mock_reply(&mut self, pair: P<'_>) -> Option<MockReply> {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        let kind = if c.eat(Rule::kw_throw).is_some() {
            let kind = c.find(Rule::error_kind).map(|p| self.ident(&p))?;
            let details = c.eat(Rule::record).map(|p| self.record(p).0);
            MockReplyKind::Throw { kind, details }
        } else {
            MockReplyKind::Value(self.expr_in(&mut c, Rule::expr)?)
        };
        Some(MockReply { kind, times: self.expr_in(&mut c, Rule::count), span })
    }

    /// A type on its own.
    pub(in crate::syntax) fn only_type(
        &mut self,
        mut pairs: pest::iterators::Pairs<'_, Rule>,
        span: Span,
    ) -> Type {
        match pairs.next() {
            Some(pair) if pair.as_rule() == Rule::type_expr => self.type_expr(pair),
            _ => Type { kind: TypeKind::Error, span },
        }
    }
}
