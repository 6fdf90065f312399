//! The words of the language: where each may stand, and what it says.

/// Where a word may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top of a file.
    Item,
    /// Behind the head of a skill.
    SkillClause,
    /// Behind the head of a plan.
    PlanClause,
    /// Where a statement begins.
    Statement,
    /// Where an action begins.
    Action,
    /// Behind the action of a step.
    Clause,
    /// Behind the list of a `for`.
    ForOption,
    /// Behind the start of a `loop`.
    LoopOption,
    /// What is done about an error.
    Reaction,
    /// In a test.
    TestLine,
    /// Where a type begins.
    Type,
    /// Where an expression begins.
    Value,
    /// Only behind certain other words.
    Inner,
}

/// A word of the language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyword {
    pub(crate) word: &'static str,
    pub(crate) place: Place,
    /// What is inserted, with the places to fill in.
    pub(crate) snippet: &'static str,
    pub(crate) doc: &'static str,
}

macro_rules! keywords {
    ($($word:literal $place:ident $snippet:literal $doc:literal)*) => {
        /// All words; one that may stand in two places has two rows.
        pub(crate) const KEYWORDS: &[Keyword] =
            &[$(Keyword { word: $word, place: Place::$place, snippet: $snippet, doc: $doc },)*];
    };
}

keywords! {
    "plan" Item "plan ${1:name}($2) -> ${3:json} {\n  $0\n}" "A typed function whose body is a graph of steps."
    "skill" Item "skill ${1:name.do}($2) -> ${3:json}\n  ${4:reads \"$5\"}" "The signature of something that acts; who implements it is said in `aos.toml`."
    "type" Item "type ${1:Name} = $0" "Gives a type a name."
    "test" Item "test \"${1:what it shows}\" for ${2:plan} {\n  input { $3 }\n  $0\n}" "Runs a plan with virtual time and no effects."
    "use" Item "use \"$1\"" "Brings in another file's types, skills and plans."
    "pure" SkillClause "pure" "It changes nothing and reads nothing outside its arguments."
    "reads" SkillClause "reads \"$1\"" "It reads the resource; the name may hold `${param}`."
    "appends" SkillClause "appends \"$1\"" "It adds to the resource; two additions do not conflict."
    "writes" SkillClause "writes \"$1\"" "It changes the resource; what conflicts with it runs in text order."
    "irreversible" SkillClause "irreversible \"$1\"" "What it does cannot be undone."
    "idempotent" SkillClause "idempotent" "Calling it twice acts once; `by key`: under the same key."
    "throws" SkillClause "throws ${1:error}" "The errors it may fail with, beyond the ambient ones."
    "cost" SkillClause "cost ${1:0.001} usd" "What one call costs at the worst."
    "tokens" SkillClause "tokens $1" "What one call uses at the worst."
    "time" SkillClause "time ${1:30s}" "How long one call takes at the worst, and the default time-out."
    "rate" SkillClause "rate ${1:60}/min" "How many calls are allowed in a time."
    "wire" SkillClause "wire \"$1\"" "The implementation's own name."
    "deprecated" SkillClause "deprecated \"$1\"" "It should not be used any more; says what to use."
    "goal" PlanClause "goal \"$1\"" "What the plan is for."
    "budget" PlanClause "budget ${1:time 10m}" "What the plan may use up: `cost`, `tokens`, `time`, `calls`. Proven before it runs, enforced while it runs."
    "throws" PlanClause "throws ${1:error}" "The errors that callers may see, beyond the ambient ones; inferred unless written."
    "concurrency" PlanClause "concurrency ${1:8}" "How many steps run at once; 64 unless said."
    "planner" PlanClause "planner \"$1\"" "Who wrote the plan."
    "planner_version" PlanClause "planner_version \"$1\"" "Its version."
    "meta" PlanClause "meta { $1 }" "Anything else worth keeping."
    "step" Statement "step ${1:name} = $0" "A named action; it runs as soon as what it mentions has ended."
    "let" Statement "let ${1:name} = $0" "A named value, evaluated once, when first needed."
    "require" Statement "require ${1:condition} else \"${2:why not}\"" "The body fails unless the condition holds; every later step waits for it."
    "fail" Statement "fail \"$1\"" "The body fails, once all earlier steps have ended."
    "return" Statement "return $0" "The value of the body; last in it."
    "for" Action "for ${1:item} in ${2:list} max ${3:50} {\n  $0\n}" "The body once for each item; gives the list of its values."
    "if" Action "if ${1:condition} {\n  $0\n}" "The body where the condition holds; without `else` the value may be null."
    "do" Action "do {\n  $0\n}" "A body as one step, so that several share one `on_error` or `deadline`."
    "match" Action "match ${1:value} {\n  ${2:\"case\"} => { $0 }\n}" "One body by the value of a literal union, bool or string; exhaustive."
    "loop" Action "loop ${1:value} = ${2:start} max ${3:10} {\n  return ${4:value} until ${5:it != null}\n}" "Repeats until the condition holds, at most so often."
    "race" Action "race {\n  do { $1 }\n  do { $2 }\n}" "The first branch that succeeds; the others are unwound."
    "depends_on" Clause "depends_on [$1]" "Waits until these steps have ended; order only."
    "when" Clause "when $1" "Skipped unless the condition holds."
    "key" Clause "key $1" "An idempotency key that holds across runs."
    "cache" Clause "cache ${1:1h}" "Takes an earlier result of the same arguments, if it is not older."
    "approve" Clause "approve \"${1:question}\" by \"${2:role}\"" "Suspends until someone has agreed; they are shown the exact arguments."
    "timeout" Clause "timeout ${1:30s}" "How long one attempt may take."
    "deadline" Clause "deadline ${1:5m}" "How long all attempts together may take."
    "on_error" Clause "on_error ${1:retry 3 then abort}" "What is done when it fails; without it the plan ends."
    "compensate" Clause "compensate $1" "What undoes it, when the plan fails later."
    "max" ForOption "max ${1:50}" "More items than this fail with `limit`."
    "first" ForOption "first ${1:50}" "Takes only so many items."
    "parallel" ForOption "parallel ${1:8}" "So many items at once; one at a time without it."
    "tolerate" ForOption "tolerate ${1:10%}" "So many items may fail; their values are null."
    "max" LoopOption "max ${1:10}" "At most so many rounds."
    "every" LoopOption "every ${1:10s}" "Waits so long between the starts of two rounds."
    "else" LoopOption "else ${1:last}" "What comes of it when no round was the last: `last` keeps the last value, `fail \"…\"` fails."
    "retry" Reaction "retry ${1:3}" "So many further attempts, with growing waits."
    "abort" Reaction "abort" "Unwinds and ends the plan: the default."
    "continue" Reaction "continue" "Goes on without a value: the step is missing."
    "use" Reaction "use $1" "Takes this value instead."
    "fallback" Reaction "fallback $1" "Calls this instead."
    "fail" Reaction "fail \"$1\"" "Fails with a message of its own."
    "input" TestLine "input { $1 }" "The inputs of the plan."
    "mock" TestLine "mock ${1:skill} => $2" "What a skill answers in this test."
    "approve" TestLine "approve ${1:step}" "Agrees to the question of a step."
    "deny" TestLine "deny ${1:step}" "Says no to the question of a step."
    "signal" TestLine "signal \"${1:name}\" => $2" "Sends a signal."
    "expect" TestLine "expect $1" "What must hold in the end."
    "list" Type "list<$1>" "A list of values of one type."
    "map" Type "map<$1>" "Values of one type by string keys."
    "trusted" Type "trusted " "Takes no content that is untrusted."
    "untrusted" Type "untrusted " "Its content may be anyone's."
    "public" Type "public " "Takes no content that is private."
    "private" Type "private " "Not for the public."
    "secret" Type "secret " "Never kept, logged, shown or sent to a model."
    "opaque" Inner "opaque " "A type that only itself fits."
    "where" Inner "where ($1)" "A condition on the values of a type; the value is `it`."
    "true" Value "true" "Yes."
    "false" Value "false" "No."
    "null" Value "null" "No value."
    "then" Inner "then " "What is done if that did not help."
    "backoff" Inner "backoff ${1:1s}..${2:30s}" "The wait between two attempts."
    "by" Inner "by \"$1\"" "The role that is asked, or `idempotent by key`."
    "within" Inner "within ${1:24h}" "How long an answer is waited for."
    "quorum" Inner "quorum ${1:2}" "How many must agree."
    "else" Inner "else " "Otherwise."
    "unless" Inner "unless $1" "Not where this holds."
    "until" Inner "until $1" "The last round is the one where this holds; `it` is its value."
    "as" Inner "as " "Reads the value as a type, checked when it runs; or names an error, or a file."
    "in" Inner "in " "Whether it is one of a list, or a key of a map."
    "throw" Inner "throw ${1:error}" "Fails with this error."
    "times" Inner "times ${1:2}" "So often."
    "last" Inner "last" "Keeps the last value."
    "usd" Inner "usd" "US dollars."
    "calls" Inner "calls ${1:100}" "Attempts of skill calls."
}

/// The words of one place.
pub(crate) fn of(place: Place) -> impl Iterator<Item = &'static Keyword> {
    KEYWORDS.iter().filter(move |k| k.place == place)
}

/// What a word says, wherever it may stand.
pub(crate) fn docs(word: &str) -> Option<String> {
    let rows: Vec<&str> = KEYWORDS.iter().filter(|k| k.word == word).map(|k| k.doc).collect();
    (!rows.is_empty()).then(|| rows.join("\n\n"))
}

/// What an ambient error means.
pub(crate) fn ambient(name: &str) -> Option<&'static str> {
    Some(match name {
        "timeout" => "an attempt took longer than its `timeout`",
        "unavailable" => "the skill, or what it needs, cannot be reached",
        "invalid_input" => "the skill refused its arguments",
        "invalid_output" => "the skill gave what its signature does not allow",
        "internal" => "the skill itself is broken",
        "expression" => "an expression could not be evaluated",
        "in_doubt" => "it is not known whether the call acted",
        "denied" => "someone said no",
        "expired" => "nobody answered in time",
        "exhausted" => "a `loop` ended without its condition",
        "limit" => "a list was longer than `max`",
        "budget" => "the budget was used up",
        "failed" => "a `fail` or `require` of a plan",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grammar is the one list of words; a word that it gains must be explained here.
    #[test]
    fn every_word_of_the_grammar_is_explained() {
        let grammar = include_str!("../../grammar/plan.pest");
        let words = grammar.lines().filter_map(|l| l.strip_prefix("kw_")?.split(' ').next());
        let missing: Vec<&str> = words.filter(|w| docs(w).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        for row in KEYWORDS {
            let known = grammar.contains(&format!("\"{}\"", row.word));
            assert!(known, "`{}` is no word of the grammar", row.word);
        }
    }

    #[test]
    fn every_ambient_error_is_explained() {
        for name in crate::check::errors::AMBIENT {
            assert!(ambient(name).is_some(), "{name}");
        }
    }
}
