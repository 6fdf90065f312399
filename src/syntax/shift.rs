//! Moves the places of a tree, where text before it grew or shrank.

use super::Comment;
use super::ast::{
    Action, Allow, Approve, ApproveElse, ApproveStage, Arg, Backoff, BinaryOp, Body, BudgetItem, Call, Chain,
    Clause, ClauseKind, Entry, EntryKey, ErrorArm, ErrorDecl, Expr, ExprKind, For, ForBound, Ident, If, Item,
    LabelWord, Lead, Loop, LoopElse, Match, MatchArm, MockReply, MockReplyKind, Name, OnError, Param, Path,
    Pattern, Plan, PlanClause, PlanClauseKind, Race, Rate, Reaction, ReactionKind, Skill, SkillClause,
    SkillClauseKind, Step, Stmt, StmtKind, Test, TestStmt, TestStmtKind, Text, TextForm, TextPart, Tolerate,
    Type, TypeDecl, TypeKind, UnaryOp, Use,
};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// All offsets from `from` on move by `by`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) from: u32,
    pub(super) by: i64,
}

impl Shift {
    fn offset(self, at: &mut u32) {
        if *at >= self.from {
            *at = u32::try_from(i64::from(*at) + self.by).unwrap_or(*at);
        }
    }
}

/// Has places.
pub(super) trait Moved {
    fn moved(&mut self, shift: Shift);
}

impl Moved for Span {
    fn moved(&mut self, shift: Shift) {
        shift.offset(&mut self.start);
        shift.offset(&mut self.end);
    }
}

impl Moved for Diagnostic {
    fn moved(&mut self, shift: Shift) {
        self.span.moved(shift);
        self.labels.iter_mut().for_each(|l| l.span.moved(shift));
        self.fixes.iter_mut().flat_map(|f| &mut f.edits).for_each(|e| e.span.moved(shift));
    }
}

impl<T: Moved> Moved for Vec<T> {
    fn moved(&mut self, shift: Shift) {
        self.iter_mut().for_each(|t| t.moved(shift));
    }
}

impl<T: Moved> Moved for Option<T> {
    fn moved(&mut self, shift: Shift) {
        self.iter_mut().for_each(|t| t.moved(shift));
    }
}

impl<T: Moved> Moved for Box<T> {
    fn moved(&mut self, shift: Shift) {
        (**self).moved(shift);
    }
}

impl<A: Moved, B: Moved> Moved for (A, B) {
    fn moved(&mut self, shift: Shift) {
        self.0.moved(shift);
        self.1.moved(shift);
    }
}

/// Has none.
macro_rules! still {
    ($($ty:ty)*) => { $(impl Moved for $ty { fn moved(&mut self, _: Shift) {} })* };
}

macro_rules! moved {
    ($($ty:ident { $($field:ident)* })*) => {
        $(impl Moved for $ty {
            fn moved(&mut self, shift: Shift) {
                $(self.$field.moved(shift);)*
            }
        })*
    };
}

still! { Name LabelWord BinaryOp UnaryOp TextForm bool i64 f64 u8 std::sync::Arc<[u8]> }

moved! {
    Comment { span }
    Ident { span }
    Path { segments span }
    Lead { allows }
    Allow { code span }
    Text { span }
    Use { lead path alias span }
    TypeDecl { lead name ty span }
    Skill { lead name type_params params output clauses span }
    Param { lead name ty default span }
    SkillClause { kind span }
    ErrorDecl { name fields span }
    Rate { span }
    Plan { lead name params output clauses body span }
    PlanClause { kind span }
    BudgetItem { amount span }
    Body { stmts span }
    Stmt { lead kind span }
    Step { name action clauses }
    Call { callee type_args args span args_span }
    Arg { name value span }
    For { index item list bound parallel tolerate body span }
    ForBound { count span }
    If { arms otherwise span }
    Match { subject arms span }
    MatchArm { pattern body span }
    Loop { var ty init max every otherwise body span }
    Race { branches span }
    Clause { kind span }
    Approve { question stages quorum otherwise }
    ApproveStage { role within span }
    Chain { reactions span }
    Reaction { kind span }
    Backoff { from to span }
    ErrorArm { kinds binding guard chain span }
    Type { kind span }
    Expr { kind span }
    Entry { key value span }
    Test { lead name plan stmts span body_span }
    TestStmt { kind span }
    MockReply { kind times span }
}

macro_rules! moved_enum {
    ($($ty:ident { $($variant:pat => $($field:ident)*,)* })*) => {
        $(impl Moved for $ty {
            fn moved(&mut self, shift: Shift) {
                use $ty::*;
                match self { $($variant => { $($field.moved(shift);)* })* }
                let _ = shift;
            }
        })*
    };
}

moved_enum! {
    Item { Use(x) => x, Type(x) => x, Skill(x) => x, Plan(x) => x, Test(x) => x, }
    SkillClauseKind {
        Effect { resource, .. } => resource,
        Idempotent { .. } => ,
        Throws(x) => x,
        Cost(x) => x,
        Tokens(x) => x,
        Time(x) => x,
        Rate(x) => x,
        Wire(x) => x,
        Deprecated(x) => x,
    }
    PlanClauseKind {
        Goal(x) => x,
        Budget(x) => x,
        Throws(x) => x,
        Concurrency(x) => x,
        Planner(x) => x,
        PlannerVersion(x) => x,
        Meta(x) => x,
    }
    StmtKind {
        Step(x) => x,
        Let { name, value } => name value,
        Require { cond, kind, message } => cond kind message,
        Fail { kind, message } => kind message,
        Return { value, until } => value until,
    }
    Action {
        Call(x) => x,
        Do(x) => x,
        For(x) => x,
        If(x) => x,
        Match(x) => x,
        Loop(x) => x,
        Race(x) => x,
        Error(x) => x,
    }
    Tolerate { Count(x) => x, Percent(_, x) => x, }
    Pattern { Text(x) => x, Bool(_, x) => x, Any(x) => x, }
    LoopElse { Last(x) => x, Fail(x) => x, }
    ClauseKind {
        DependsOn(x) => x,
        When(x) => x,
        Key(x) => x,
        Cache(x) => x,
        Approve(x) => x,
        Timeout(x) => x,
        Deadline(x) => x,
        OnError(x) => x,
        Compensate { call, unless } => call unless,
    }
    ApproveElse { Continue(x) => x, Fail(x) => x, }
    OnError { Chain(x) => x, Arms(x) => x, }
    ReactionKind {
        Abort => ,
        Continue => ,
        Use(x) => x,
        Fallback(x) => x,
        Fail(x) => x,
        Retry { count, backoff } => count backoff,
    }
    TypeKind {
        Name(x) => x,
        List(x) => x,
        Map(x) => x,
        Record(x) => x,
        Literal(x) => x,
        Null => ,
        Optional(x) => x,
        Union(x) => x,
        Where { base, predicate } => base predicate,
        Labelled { labels, inner } => labels inner,
        Paren(x) => x,
        Error => ,
    }
    ExprKind {
        Null => ,
        Bool(_) => ,
        Int(_) => ,
        Float(_) => ,
        DurationMs(_) => ,
        Text { .. } => ,
        Bytes(_) => ,
        Interpolated { parts, .. } => parts,
        Name(_) => ,
        Member { base, name, .. } => base name,
        Index { base, index, .. } => base index,
        Call { callee, args } => callee args,
        List(x) => x,
        Record(x) => x,
        Unary { operand, .. } => operand,
        Binary { op_span, left, right, .. } => op_span left right,
        Cond { cond, then, otherwise } => cond then otherwise,
        As { value, ty } => value ty,
        Paren(x) => x,
        Error => ,
    }
    TextPart { Text(_) => , Expr(x) => x, }
    EntryKey { Text(x) => x, Expr(x) => x, }
    TestStmtKind {
        Input(x) => x,
        Mock { skill, replies } => skill replies,
        Approve(x) => x,
        Deny(x) => x,
        Signal { name, value } => name value,
        Expect(x) => x,
    }
    MockReplyKind { Value(x) => x, Throw { kind, details } => kind details, }
}
