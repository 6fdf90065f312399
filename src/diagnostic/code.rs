//! The table of diagnostics: one row each, its page beside it.

use super::Severity;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $summary:literal;)*) => {
        /// The name of a kind of diagnostic, the same for errors, warnings and lints.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $(#[doc = include_str!(concat!("explain/", $name, ".md"))] $variant,)*
        }

        impl Code {
            /// All codes in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The kebab-case name, as in `error[unknown-skill]`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad it is unless a command says otherwise.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// One line: what it means.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Code::$variant => $summary,)* }
            }

            /// The page of `aos explain`.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Code::$variant => include_str!(concat!("explain/", $name, ".md")),)* }
            }
        }
    };
}

codes! {
    Syntax "syntax" Error "the text is not what the grammar allows here";
    UnclosedBracket "unclosed-bracket" Error "a bracket or a string is opened and never closed";
    TooDeep "too-deep" Error "brackets or operators are nested deeper than 128";
    TooLarge "too-large" Error "a file or a line is larger than the limit";
    BadLiteral "bad-literal" Error "a number, duration or string has a form or value that cannot be";
    Markdown "markdown" Error "a Markdown fence or prose stands around the plan";
    ForeignSyntax "foreign-syntax" Error "something is written as another language would write it";
    BareStatement "bare-statement" Error "an action stands without `step name =`";
    MisplacedReturn "misplaced-return" Error "`return` is not the last statement of its body";
    DuplicateClause "duplicate-clause" Error "a clause stands more than once";
    MisplacedClause "misplaced-clause" Error "a clause stands where it means nothing";
    DuplicateName "duplicate-name" Error "one name is declared twice";
    ShadowedName "shadowed-name" Error "a name hides another one that can be seen here";
    ReservedName "reserved-name" Error "a reserved word is used as a name";
    UnknownName "unknown-name" Error "a name is not declared";
    UnknownSkill "unknown-skill" Error "no skill or plan has this name";
    UnknownType "unknown-type" Error "no type has this name";
    UnknownField "unknown-field" Error "the value has no such field";
    UnknownFunction "unknown-function" Error "no function has this name";
    UnknownArgument "unknown-argument" Error "the callee has no such parameter";
    UnknownErrorKind "unknown-error-kind" Error "no error has this name";
    Unanswerable "unanswerable" Warning "nobody, or too few people, may answer a question";
    UnknownSecret "unknown-secret" Error "a secret is not named in aos.toml";
    MissingArgument "missing-argument" Error "a required argument is left out";
    DuplicateArgument "duplicate-argument" Error "one argument is given twice";
    PositionalArgument "positional-argument" Error "an argument needs its name";
    ArgumentType "argument-type" Error "an argument has the wrong type";
    TypeMismatch "type-mismatch" Error "a value has the wrong type";
    OperatorType "operator-type" Error "an operator or function does not take these types";
    MissingField "missing-field" Error "a record literal lacks a required field";
    UnknownKey "unknown-key" Error "a record literal has a key that its type lacks";
    NeedsCast "needs-cast" Error "a `json` value stands where a type is wanted";
    ImpossibleCast "impossible-cast" Error "`as` between types that share no value";
    MaybeNull "maybe-null" Error "a value that may be null is used as if it could not be";
    MaybeMissing "maybe-missing" Error "a step that may have no value decides a result that must have one";
    CallInExpression "call-in-expression" Error "a skill or plan is called inside an expression";
    UsedBeforeDefined "used-before-defined" Error "a step mentions a later one";
    StepCycle "step-cycle" Error "steps wait for each other";
    PlanCycle "plan-cycle" Error "a plan calls itself";
    UseCycle "use-cycle" Error "files use each other in a circle";
    UseNotFound "use-not-found" Error "a used file cannot be read";
    NameClash "name-clash" Error "two used files bring in one name";
    TypeCycle "type-cycle" Error "a type contains itself without end";
    TypeArguments "type-arguments" Error "type arguments are missing or too many";
    UnboundTypeParameter "unbound-type-parameter" Error "a type parameter can neither be inferred nor was it written";
    NotExhaustive "not-exhaustive" Error "a `match` leaves out a case";
    DeadArm "dead-arm" Error "a `match` arm can never be taken";
    UnhandledError "unhandled-error" Error "an `on_error` without `_` leaves out an error of the callee";
    DeadHandler "dead-handler" Error "a handler stands for an error that cannot occur";
    UnsafeRetry "unsafe-retry" Error "a retry could act twice";
    DeadCondition "dead-condition" Error "a condition asks for what cannot happen";
    ImpossibleDeadline "impossible-deadline" Error "waits cannot fit the deadline";
    ConstantKey "constant-key" Error "an idempotency key in a loop does not depend on the item";
    UnboundedFor "unbounded-for" Warning "a `for` over a list of unknown length has no bound";
    WhereFails "where-fails" Error "a constant breaks the condition of its type";
    ConstantError "constant-error" Error "a constant expression always fails";
    BadRegex "bad-regex" Error "a regular expression cannot be read";
    BadAllow "bad-allow" Error "a suppression has no reason or an unknown code";
    UnusedAllow "unused-allow" Warning "a suppression silences nothing";
    NoSuchPlan "no-such-plan" Error "a test or command names a plan that is not there";
    RaceWrites "race-writes" Error "a branch of a `race` writes without compensating";
    SecretLeak "secret-leak" Error "a secret comes where it would be shown, kept or sent";
    PrivateLeak "private-leak" Error "private content reaches a public parameter";
    UntrustedFlow "untrusted-flow" Error "untrusted content reaches a trusted parameter";
    UntrustedControl "untrusted-control" Error "an untrusted value decides over a call that cannot be undone";
    MayNotEndorse "may-not-endorse" Error "a plan written by a model lifts a label";
    SkillNotGranted "skill-not-granted" Error "a skill is outside of the agent's grants";
    ShadowedMacroVariable "shadowed-macro-variable" Warning "a macro's variable hides a name";
    BudgetExceeded "budget-exceeded" Error "a plan does not fit its budget, even when nothing is retried";
    BudgetAtRisk "budget-at-risk" Warning "at the worst a plan does not fit its budget";
    UnboundedBudget "unbounded-budget" Warning "a budget cannot be proven, as something has no bound";
    ResourceRace "resource-race" Error "iterations or branches that run at once use one resource in no order";
    IrreversibleBeforeFallible "irreversible-before-fallible" Warning "what cannot be undone is done before something that may still end the plan";
    UnusedStep "unused-step" Warning "nobody reads a step, and it changes nothing";
    UnreadOutput "unread-output" Warning "a call costs, and nobody reads what it gives";
    UnusedInput "unused-input" Warning "an input of a plan is never read";
    ConstantCondition "constant-condition" Warning "a condition is always true or always false";
    DeprecatedSkill "deprecated-skill" Warning "a skill is called that its declaration says not to use any more";
    ConfusableCharacter "confusable-character" Warning "a letter of another script looks like one of ours";
    HiddenCharacter "hidden-character" Warning "a character is not shown, or turns the text around";
    TemplateBraces "template-braces" Warning "`{{x}}` in a string is text, though `x` can be read";
    DuplicateCall "duplicate-call" Info "a pure call is made twice with the same arguments";
    NeedlessNullCheck "needless-null-check" Info "`?.` or `??` on what is never null";
    RedundantDependsOn "redundant-depends-on" Info "a step is waited for anyway";
    JsonForm "json-form" Error "a text is not the JSON form of a plan";
    NotInJson "not-in-json" Error "the JSON form of plans cannot say a construct";
    GrammarCannotSay "grammar-cannot-say" Error "a grammar format or engine has no words for what was asked of it";
    ConfigInvalid "config-invalid" Error "aos.toml cannot be understood";
    UnusedMock "unused-mock" Warning "a test mocks a skill that its plan never calls";
    TestFailed "test-failed" Error "an expectation of a test does not hold";
    RunFailed "run-failed" Error "a step failed while the plan ran";
}

impl Code {
    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|c| c.name() == name)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
