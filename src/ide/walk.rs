//! One walk over the syntax tree, for everything the editor is told: each node before its parts, in text order.

use crate::source::Span;
use crate::syntax::ast::{
    Action, ApproveElse, Arg, Body, Call, Chain, Clause, ClauseKind, Entry, EntryKey, ErrorArm, ErrorDecl,
    Expr, ExprKind, Item, LoopElse, MatchArm, MockReply, MockReplyKind, OnError, Param, Pattern, PlanClause,
    PlanClauseKind, Reaction, ReactionKind, SkillClause, SkillClauseKind, Stmt, StmtKind, TestStmt,
    TestStmtKind, Text, TextPart, Tolerate, Type, TypeKind,
};

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    Item(&'a Item),
    Param(&'a Param),
    SkillClause(&'a SkillClause),
    PlanClause(&'a PlanClause),
    ErrorDecl(&'a ErrorDecl),
    Type(&'a Type),
    Body(&'a Body),
    Stmt(&'a Stmt),
    Action(&'a Action),
    Call(&'a Call),
    Arg(&'a Arg),
    MatchArm(&'a MatchArm),
    Clause(&'a Clause),
    ErrorArm(&'a ErrorArm),
    Chain(&'a Chain),
    Reaction(&'a Reaction),
    Expr(&'a Expr),
    Entry(&'a Entry),
    Text(&'a Text),
    TestStmt(&'a TestStmt),
    MockReply(&'a MockReply),
}

impl Node<'_> {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        match self {
            Node::Item(Item::Use(x)) => x.span,
            Node::Item(Item::Type(x)) => x.span,
            Node::Item(Item::Skill(x)) => x.span,
            Node::Item(Item::Plan(x)) => x.span,
            Node::Item(Item::Test(x)) => x.span,
            Node::Param(x) => x.span,
            Node::SkillClause(x) => x.span,
            Node::PlanClause(x) => x.span,
            Node::ErrorDecl(x) => x.span,
            Node::Type(x) => x.span,
            Node::Body(x) => x.span,
            Node::Stmt(x) => x.span,
            Node::Action(x) => action_span(x),
            Node::Call(x) => x.span,
            Node::Arg(x) => x.span,
            Node::MatchArm(x) => x.span,
            Node::Clause(x) => x.span,
            Node::ErrorArm(x) => x.span,
            Node::Chain(x) => x.span,
            Node::Reaction(x) => x.span,
            Node::Expr(x) => x.span,
            Node::Entry(x) => x.span,
            Node::Text(x) => x.span,
            Node::TestStmt(x) => x.span,
            Node::MockReply(x) => x.span,
        }
    }
}

fn action_span(action: &Action) -> Span {
    match action {
        Action::Call(x) => x.span,
        Action::Do(x) => x.span,
        Action::For(x) => x.span,
        Action::If(x) => x.span,
        Action::Match(x) => x.span,
        Action::Loop(x) => x.span,
        Action::Race(x) => x.span,
        Action::Error(span) => *span,
    }
}

/// Calls `visit` for a node and, where that says true, for its parts.
pub(crate) fn walk<'a>(node: Node<'a>, visit: &mut dyn FnMut(Node<'a>) -> bool) {
    if visit(node) {
        parts(node, &mut |part| walk(part, visit));
    }
}

/// All items of a file.
pub(crate) fn file<'a>(items: &'a [Item], visit: &mut dyn FnMut(Node<'a>) -> bool) {
    for item in items {
        walk(Node::Item(item), visit);
    }
}

/// The nodes that hold an offset, outermost first. At a border between two the later one counts, an end counts as inside.
pub(crate) fn around<'a>(items: &'a [Item], offset: u32) -> Vec<Node<'a>> {
    let mut path: Vec<Node<'a>> = Vec::new();
    file(items, &mut |node| {
        let span = node.span();
        let inside = span.start <= offset && offset <= span.end;
        if inside {
            while path.last().is_some_and(|last| !last.span().contains(span) || last.span().end < offset) {
                path.pop();
            }
            // Of two that touch, the one that begins at the place.
            if let Some(last) = path.last()
                && last.span().end == offset
                && span.start == offset
                && last.span() != span
            {
                path.pop();
            }
            path.push(node);
        }
        inside
    });
    path
}

type Part<'a, 'f> = dyn FnMut(Node<'a>) + 'f;

/// The direct parts of a node.
fn parts<'a>(node: Node<'a>, f: &mut Part<'a, '_>) {
    match node {
        Node::Item(item) => item_parts(item, f),
        Node::Param(p) => {
            f(Node::Type(&p.ty));
            p.default.iter().for_each(|e| f(Node::Expr(e)));
        }
        Node::SkillClause(c) => match &c.kind {
            SkillClauseKind::Effect { resource, .. } => resource.iter().for_each(|e| f(Node::Expr(e))),
            SkillClauseKind::Idempotent { .. } | SkillClauseKind::Rate(_) => {}
            SkillClauseKind::Throws(list) => list.iter().for_each(|e| f(Node::ErrorDecl(e))),
            SkillClauseKind::Cost(e) | SkillClauseKind::Tokens(e) | SkillClauseKind::Time(e) => {
                f(Node::Expr(e));
            }
            SkillClauseKind::Wire(t) | SkillClauseKind::Deprecated(t) => f(Node::Text(t)),
        },
        Node::PlanClause(c) => match &c.kind {
            PlanClauseKind::Goal(e) | PlanClauseKind::Concurrency(e) | PlanClauseKind::Meta(e) => {
                f(Node::Expr(e));
            }
            PlanClauseKind::Budget(items) => items.iter().for_each(|i| f(Node::Expr(&i.amount))),
            PlanClauseKind::Throws(list) => list.iter().for_each(|e| f(Node::ErrorDecl(e))),
            PlanClauseKind::Planner(t) | PlanClauseKind::PlannerVersion(t) => f(Node::Text(t)),
        },
        Node::ErrorDecl(e) => e.fields.iter().for_each(|p| f(Node::Param(p))),
        Node::Type(t) => type_parts(t, f),
        Node::Body(b) => b.stmts.iter().for_each(|s| f(Node::Stmt(s))),
        Node::Stmt(s) => stmt_parts(s, f),
        Node::Action(a) => action_parts(a, f),
        Node::Call(c) => {
            c.type_args.iter().for_each(|t| f(Node::Type(t)));
            c.args.iter().for_each(|a| f(Node::Arg(a)));
        }
        Node::Arg(a) => f(Node::Expr(&a.value)),
        Node::MatchArm(m) => {
            for pattern in &m.pattern {
                match pattern {
                    Pattern::Text(t) => f(Node::Text(t)),
                    Pattern::Bool(..) | Pattern::Any(_) => {}
                }
            }
            f(Node::Body(&m.body));
        }
        Node::Clause(c) => clause_parts(c, f),
        Node::ErrorArm(a) => {
            a.guard.iter().for_each(|e| f(Node::Expr(e)));
            f(Node::Chain(&a.chain));
        }
        Node::Chain(c) => c.reactions.iter().for_each(|r| f(Node::Reaction(r))),
        Node::Reaction(r) => match &r.kind {
            ReactionKind::Abort | ReactionKind::Continue => {}
            ReactionKind::Use(e) | ReactionKind::Fail(e) => f(Node::Expr(e)),
            ReactionKind::Fallback(c) => f(Node::Call(c)),
            ReactionKind::Retry { count, backoff } => {
                f(Node::Expr(count));
                if let Some(b) = backoff {
                    f(Node::Expr(&b.from));
                    b.to.iter().for_each(|e| f(Node::Expr(e)));
                }
            }
        },
        Node::Expr(e) => expr_parts(e, f),
        Node::Entry(e) => {
            match &e.key {
                EntryKey::Text(t) => f(Node::Text(t)),
                EntryKey::Expr(e) => f(Node::Expr(e)),
            }
            f(Node::Expr(&e.value));
        }
        Node::Text(_) => {}
        Node::TestStmt(s) => match &s.kind {
            TestStmtKind::Input(e) | TestStmtKind::Expect(e) => f(Node::Expr(e)),
            TestStmtKind::Mock { replies, .. } => replies.iter().for_each(|r| f(Node::MockReply(r))),
            TestStmtKind::Approve(_) | TestStmtKind::Deny(_) => {}
            TestStmtKind::Signal { name, value } => {
                f(Node::Text(name));
                f(Node::Expr(value));
            }
        },
        Node::MockReply(r) => {
            match &r.kind {
                MockReplyKind::Value(e) => f(Node::Expr(e)),
                MockReplyKind::Throw { details, .. } => details.iter().for_each(|e| f(Node::Expr(e))),
            }
            r.times.iter().for_each(|e| f(Node::Expr(e)));
        }
    }
}

fn item_parts<'a>(item: &'a Item, f: &mut Part<'a, '_>) {
    match item {
        Item::Use(u) => f(Node::Text(&u.path)),
        Item::Type(t) => f(Node::Type(&t.ty)),
        Item::Skill(s) => {
            s.params.iter().for_each(|p| f(Node::Param(p)));
            s.output.iter().for_each(|t| f(Node::Type(t)));
            s.clauses.iter().for_each(|c| f(Node::SkillClause(c)));
        }
        Item::Plan(p) => {
            p.params.iter().for_each(|p| f(Node::Param(p)));
            p.output.iter().for_each(|t| f(Node::Type(t)));
            p.clauses.iter().for_each(|c| f(Node::PlanClause(c)));
            f(Node::Body(&p.body));
        }
        Item::Test(t) => {
            f(Node::Text(&t.name));
            t.stmts.iter().for_each(|s| f(Node::TestStmt(s)));
        }
    }
}

fn type_parts<'a>(ty: &'a Type, f: &mut Part<'a, '_>) {
    match &ty.kind {
        TypeKind::Name(_) | TypeKind::Null | TypeKind::Error => {}
        TypeKind::List(t) | TypeKind::Map(t) | TypeKind::Optional(t) | TypeKind::Paren(t) => f(Node::Type(t)),
        TypeKind::Record(fields) => fields.iter().for_each(|p| f(Node::Param(p))),
        TypeKind::Literal(t) => f(Node::Text(t)),
        TypeKind::Union(members) => members.iter().for_each(|t| f(Node::Type(t))),
        TypeKind::Where { base, predicate } => {
            f(Node::Type(base));
            f(Node::Expr(predicate));
        }
        TypeKind::Labelled { inner, .. } => f(Node::Type(inner)),
    }
}

fn stmt_parts<'a>(stmt: &'a Stmt, f: &mut Part<'a, '_>) {
    match &stmt.kind {
        StmtKind::Step(step) => {
            f(Node::Action(&step.action));
            step.clauses.iter().for_each(|c| f(Node::Clause(c)));
        }
        StmtKind::Let { value, .. } => f(Node::Expr(value)),
        StmtKind::Require { cond, message, .. } => {
            f(Node::Expr(cond));
            f(Node::Expr(message));
        }
        StmtKind::Fail { message, .. } => f(Node::Expr(message)),
        StmtKind::Return { value, until } => {
            f(Node::Expr(value));
            until.iter().for_each(|e| f(Node::Expr(e)));
        }
    }
}

fn action_parts<'a>(action: &'a Action, f: &mut Part<'a, '_>) {
    match action {
        Action::Call(c) => f(Node::Call(c)),
        Action::Do(b) => f(Node::Body(b)),
        Action::For(x) => {
            f(Node::Expr(&x.list));
            x.bound.iter().for_each(|b| f(Node::Expr(&b.count)));
            x.parallel.iter().for_each(|e| f(Node::Expr(e)));
            if let Some(Tolerate::Count(e)) = &x.tolerate {
                f(Node::Expr(e));
            }
            f(Node::Body(&x.body));
        }
        Action::If(i) => {
            for (cond, body) in &i.arms {
                f(Node::Expr(cond));
                f(Node::Body(body));
            }
            i.otherwise.iter().for_each(|b| f(Node::Body(b)));
        }
        Action::Match(m) => {
            f(Node::Expr(&m.subject));
            m.arms.iter().for_each(|a| f(Node::MatchArm(a)));
        }
        Action::Loop(l) => {
            l.ty.iter().for_each(|t| f(Node::Type(t)));
            f(Node::Expr(&l.init));
            l.max.iter().chain(&l.every).for_each(|e| f(Node::Expr(e)));
            if let Some(LoopElse::Fail(e)) = &l.otherwise {
                f(Node::Expr(e));
            }
            f(Node::Body(&l.body));
        }
        Action::Race(r) => r.branches.iter().for_each(|b| f(Node::Body(b))),
        Action::Error(_) => {}
    }
}

fn clause_parts<'a>(clause: &'a Clause, f: &mut Part<'a, '_>) {
    match &clause.kind {
        ClauseKind::DependsOn(_) => {}
        ClauseKind::When(e)
        | ClauseKind::Key(e)
        | ClauseKind::Cache(e)
        | ClauseKind::Timeout(e)
        | ClauseKind::Deadline(e) => f(Node::Expr(e)),
        ClauseKind::Approve(a) => {
            f(Node::Expr(&a.question));
            for stage in &a.stages {
                stage.role.iter().for_each(|t| f(Node::Text(t)));
                stage.within.iter().for_each(|e| f(Node::Expr(e)));
            }
            a.quorum.iter().for_each(|e| f(Node::Expr(e)));
            if let Some(ApproveElse::Fail(e)) = &a.otherwise {
                f(Node::Expr(e));
            }
        }
        ClauseKind::OnError(OnError::Chain(c)) => f(Node::Chain(c)),
        ClauseKind::OnError(OnError::Arms(arms)) => arms.iter().for_each(|a| f(Node::ErrorArm(a))),
        ClauseKind::Compensate { call, unless } => {
            f(Node::Call(call));
            unless.iter().for_each(|e| f(Node::Expr(e)));
        }
    }
}

fn expr_parts<'a>(expr: &'a Expr, f: &mut Part<'a, '_>) {
    match &*expr.kind {
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::DurationMs(_)
        | ExprKind::Text { .. }
        | ExprKind::Bytes(_)
        | ExprKind::Name(_)
        | ExprKind::Error => {}
        ExprKind::Interpolated { parts, .. } => {
            for part in parts {
                match part {
                    TextPart::Text(_) => {}
                    TextPart::Expr(e) => f(Node::Expr(e)),
                }
            }
        }
        ExprKind::Member { base, .. } => f(Node::Expr(base)),
        ExprKind::Index { base, index, .. } => {
            f(Node::Expr(base));
            f(Node::Expr(index));
        }
        ExprKind::Call { callee, args } => {
            f(Node::Expr(callee));
            args.iter().for_each(|a| f(Node::Arg(a)));
        }
        ExprKind::List(items) => items.iter().for_each(|e| f(Node::Expr(e))),
        ExprKind::Record(entries) => entries.iter().for_each(|e| f(Node::Entry(e))),
        ExprKind::Unary { operand, .. } => f(Node::Expr(operand)),
        ExprKind::Binary { left, right, .. } => {
            f(Node::Expr(left));
            f(Node::Expr(right));
        }
        ExprKind::Cond { cond, then, otherwise } => {
            f(Node::Expr(cond));
            f(Node::Expr(then));
            f(Node::Expr(otherwise));
        }
        ExprKind::As { value, ty } => {
            f(Node::Expr(value));
            f(Node::Type(ty));
        }
        ExprKind::Paren(inner) => f(Node::Expr(inner)),
    }
}
