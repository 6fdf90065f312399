//! The syntax tree: what was written, nothing resolved, every node with its place.

pub use crate::expr::BinaryOp;
use crate::source::Span;
use std::sync::Arc;

/// A name, cheap to copy.
pub type Name = Arc<str>;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    pub name: Name,
    pub span: Span,
}

/// A dotted name: `http.get`, `gh.Issue`, `weekly`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The whole name, with dots and without blanks.
    pub name: Name,
    pub segments: Vec<Ident>,
    pub span: Span,
}

/// What stands above an item, a step, a parameter or a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lead {
    /// The text of the `///` lines, without the slashes and one blank.
    pub docs: Option<Arc<str>>,
    /// `// allow(code): reason`.
    pub allows: Vec<Allow>,
}

/// One suppression of a warning or lint.
#[derive(Clone, Debug, PartialEq)]
pub struct Allow {
    pub code: Ident,
    /// Empty where it was left out (an error).
    pub reason: Arc<str>,
    /// The whole comment.
    pub span: Span,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    pub items: Vec<Item>,
}

/// A top-level item.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Use(Use),
    Type(TypeDecl),
    Skill(Skill),
    Plan(Plan),
    Test(Test),
}

/// `use "path" as alias`
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    pub lead: Lead,
    pub path: Text,
    pub alias: Option<Ident>,
    pub span: Span,
}

/// A string without interpolation.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The value, escapes resolved.
    pub value: Arc<str>,
    pub span: Span,
}

/// `type Name = [opaque] T`
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDecl {
    pub lead: Lead,
    pub name: Ident,
    pub opaque: bool,
    pub ty: Type,
    pub span: Span,
}

/// `skill name<T>(params) -> T clauses`
#[derive(Clone, Debug, PartialEq)]
pub struct Skill {
    pub lead: Lead,
    pub name: Path,
    pub type_params: Vec<Ident>,
    pub params: Vec<Param>,
    pub output: Option<Type>,
    pub clauses: Vec<SkillClause>,
    pub span: Span,
}

/// A parameter of a skill or plan, or a field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub lead: Lead,
    /// May have been written as a string.
    pub name: Ident,
    /// `name?: T`
    pub optional: bool,
    pub ty: Type,
    pub default: Option<Expr>,
    pub span: Span,
}

/// A clause behind a skill's signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SkillClause {
    pub kind: SkillClauseKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SkillClauseKind {
    /// `pure`, `reads "…"`, `appends "…"`, `writes "…"`, `irreversible "…"`; the resource may hold `${param}`.
    Effect {
        kind: EffectKind,
        resource: Option<Expr>,
    },
    /// `idempotent` or `idempotent by key`.
    Idempotent {
        by_key: bool,
    },
    Throws(Vec<ErrorDecl>),
    /// `cost 0.001 usd`
    Cost(Expr),
    Tokens(Expr),
    Time(Expr),
    /// `60/min`
    Rate(Rate),
    Wire(Text),
    /// `deprecated "use x"`
    Deprecated(Text),
}

/// What a skill does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    Pure,
    Reads,
    Appends,
    Writes,
    Irreversible,
}

/// `rejected(why: string)` in `throws`.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorDecl {
    pub name: Ident,
    pub fields: Vec<Param>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub count: i64,
    pub per: RateUnit,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    Second,
    Minute,
    Hour,
}

/// `plan name(inputs) -> T clauses { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub lead: Lead,
    pub name: Ident,
    pub params: Vec<Param>,
    pub output: Option<Type>,
    pub clauses: Vec<PlanClause>,
    pub body: Body,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlanClause {
    pub kind: PlanClauseKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PlanClauseKind {
    Goal(Expr),
    Budget(Vec<BudgetItem>),
    Throws(Vec<ErrorDecl>),
    Concurrency(Expr),
    Planner(Text),
    PlannerVersion(Text),
    /// A record literal.
    Meta(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct BudgetItem {
    pub kind: BudgetKind,
    pub amount: Expr,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    /// US dollars.
    Cost,
    Tokens,
    Time,
    Calls,
}

/// `{ statements }`
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    pub lead: Lead,
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    Step(Step),
    Let {
        name: Ident,
        value: Expr,
    },
    Require {
        cond: Expr,
        kind: Option<Ident>,
        message: Expr,
    },
    Fail {
        kind: Option<Ident>,
        message: Expr,
    },
    /// `return expr`, in a loop `return expr until cond`. Last in a correct body; the checker says so where it is not.
    Return {
        value: Expr,
        until: Option<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: Ident,
    pub action: Action,
    pub clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Call(Call),
    Do(Body),
    For(Box<For>),
    If(Box<If>),
    Match(Box<Match>),
    Loop(Box<Loop>),
    Race(Race),
    /// What could not be read; silent downstream.
    Error(Span),
}

/// `name<T>(arg: expr)`: a skill or a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub callee: Path,
    pub type_args: Vec<Type>,
    pub args: Vec<Arg>,
    pub span: Span,
    /// The parentheses with what they hold.
    pub args_span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct For {
    pub index: Option<Ident>,
    pub item: Ident,
    pub list: Expr,
    /// `max N` or `first N`
    pub bound: Option<ForBound>,
    pub parallel: Option<Expr>,
    pub tolerate: Option<Tolerate>,
    pub body: Body,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ForBound {
    /// `first` instead of `max`.
    pub first: bool,
    pub count: Expr,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tolerate {
    Count(Expr),
    Percent(u8, Span),
}

#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// `if` and every `else if`.
    pub arms: Vec<(Expr, Body)>,
    pub otherwise: Option<Body>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    pub subject: Expr,
    pub arms: Vec<MatchArm>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MatchArm {
    pub pattern: Vec<Pattern>,
    pub body: Body,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Text(Text),
    Bool(bool, Span),
    Any(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    pub var: Ident,
    pub ty: Option<Type>,
    pub init: Expr,
    pub max: Option<Expr>,
    pub every: Option<Expr>,
    pub otherwise: Option<LoopElse>,
    pub body: Body,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LoopElse {
    Last(Span),
    Fail(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Race {
    pub branches: Vec<Body>,
    pub span: Span,
}

/// A clause of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub kind: ClauseKind,
    /// The whole clause, its keyword first.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    DependsOn(Vec<Ident>),
    When(Expr),
    Key(Expr),
    Cache(Expr),
    Approve(Approve),
    Timeout(Expr),
    Deadline(Expr),
    OnError(OnError),
    Compensate { call: Call, unless: Option<Expr> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Approve {
    pub question: Expr,
    /// `by "role" within D`, in the order of escalation; without `by` there is one stage without a role.
    pub stages: Vec<ApproveStage>,
    pub quorum: Option<Expr>,
    pub otherwise: Option<ApproveElse>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ApproveStage {
    pub role: Option<Text>,
    pub within: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ApproveElse {
    Continue(Span),
    Fail(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub enum OnError {
    Chain(Chain),
    Arms(Vec<ErrorArm>),
}

/// `retry 3 backoff 1s..30s then use x`
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub reactions: Vec<Reaction>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    pub kind: ReactionKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ReactionKind {
    Abort,
    Continue,
    Use(Expr),
    Fallback(Call),
    Fail(Expr),
    Retry { count: Expr, backoff: Option<Backoff> },
}

/// `backoff D` (constant) or `backoff D..D` (doubles from the first to the second).
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    pub from: Expr,
    pub to: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ErrorArm {
    /// Error kinds; `_` is the name `_`.
    pub kinds: Vec<Ident>,
    pub binding: Option<Ident>,
    pub guard: Option<Expr>,
    pub chain: Chain,
    pub span: Span,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A basic type, a type parameter or a declared type: `int`, `T`, `gh.Issue`.
    Name(Path),
    List(Box<Type>),
    Map(Box<Type>),
    Record(Vec<Param>),
    /// `"low"`
    Literal(Text),
    Null,
    Optional(Box<Type>),
    /// Two or more members.
    Union(Vec<Type>),
    /// `T where (predicate)`
    Where {
        base: Box<Type>,
        predicate: Box<Expr>,
    },
    /// `trusted secret T`
    Labelled {
        labels: Vec<(LabelWord, Span)>,
        inner: Box<Type>,
    },
    /// `(T)`, kept for the printer.
    Paren(Box<Type>),
    /// What could not be read; silent downstream.
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelWord {
    Trusted,
    Untrusted,
    Public,
    Private,
    Secret,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: Box<ExprKind>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Nanoseconds do not occur: literals have milliseconds at the least.
    DurationMs(i64),
    /// A string without interpolation; `form` is how it was written, for the printer.
    Text {
        value: Arc<str>,
        form: TextForm,
    },
    Bytes(Arc<[u8]>),
    /// A string with `${…}`.
    Interpolated {
        parts: Vec<TextPart>,
        form: TextForm,
    },
    Name(Name),
    /// `.field`, `?.field`
    Member {
        base: Expr,
        name: Ident,
        safe: bool,
    },
    /// `[i]`, `[?i]`
    Index {
        base: Expr,
        index: Expr,
        safe: bool,
    },
    /// `f(x)`; also macros and functions in a namespace (`math.greatest(…)`: the callee is a `Member`).
    /// A named argument (`x: 1`) is read so that the checker can say "make it a step".
    Call {
        callee: Expr,
        args: Vec<Arg>,
    },
    List(Vec<Expr>),
    Record(Vec<Entry>),
    Unary {
        op: UnaryOp,
        operand: Expr,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Expr,
        right: Expr,
    },
    Cond {
        cond: Expr,
        then: Expr,
        otherwise: Expr,
    },
    As {
        value: Expr,
        ty: Type,
    },
    /// Kept for the printer.
    Paren(Expr),
    /// What could not be read; silent downstream.
    Error,
}

/// How a string was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    Plain,
    /// `"""…"""`
    Block,
    /// `r"…"`
    Raw,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TextPart {
    /// Escapes resolved, indentation of a block dropped.
    Text(Arc<str>),
    Expr(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: EntryKey,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EntryKey {
    /// `name:` or `"any text":`
    Text(Text),
    /// `[expr]:`
    Expr(Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOp {
    Not,
    Neg,
}

/// `test "name" for plan { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub lead: Lead,
    pub name: Text,
    pub plan: Path,
    pub stmts: Vec<TestStmt>,
    pub span: Span,
    /// The braces with what they hold.
    pub body_span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TestStmt {
    pub kind: TestStmtKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TestStmtKind {
    /// `input { … }`
    Input(Expr),
    /// `mock skill => { … } then throw kind times 2`
    Mock {
        skill: Path,
        replies: Vec<MockReply>,
    },
    Approve(Ident),
    Deny(Ident),
    /// `signal "name" => value`
    Signal {
        name: Text,
        value: Expr,
    },
    Expect(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct MockReply {
    pub kind: MockReplyKind,
    pub times: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MockReplyKind {
    Value(Expr),
    /// `throw kind` or `throw kind { field: value }`
    Throw {
        kind: Ident,
        details: Option<Expr>,
    },
}
