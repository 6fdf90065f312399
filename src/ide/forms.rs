//! Functions with a meaning of their own, which no table of overloads holds: what runs over a list, asks about a step, changes a label.

/// One of them.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    /// How it is written, and what it gives.
    pub(crate) signature: &'static str,
    pub(crate) snippet: &'static str,
    pub(crate) doc: &'static str,
}

/// What is called on a list or map, with a variable for each element.
pub(crate) const MACROS: &[Form] = &[
    form(
        "map",
        "list<T>.map(x, value) -> list<V>",
        "map(${1:x}, $2)",
        "The list of the values of an expression, one for each element.",
    ),
    form(
        "filter",
        "list<T>.filter(x, condition) -> list<T>",
        "filter(${1:x}, $2)",
        "The elements for which a condition holds.",
    ),
    form(
        "all",
        "list<T>.all(x, condition) -> bool",
        "all(${1:x}, $2)",
        "Whether a condition holds for every element.",
    ),
    form(
        "exists",
        "list<T>.exists(x, condition) -> bool",
        "exists(${1:x}, $2)",
        "Whether a condition holds for some element.",
    ),
    form(
        "exists_one",
        "list<T>.exists_one(x, condition) -> bool",
        "exists_one(${1:x}, $2)",
        "Whether a condition holds for exactly one element.",
    ),
    form(
        "sortBy",
        "list<T>.sortBy(x, key, …) -> list<T>",
        "sortBy(${1:x}, ${2:x.key})",
        "The elements ordered by a key, and by further ones where that is the same.",
    ),
];

/// What asks about a step.
pub(crate) const STATUS: &[Form] = &[
    form("succeeded", "succeeded(step) -> bool", "succeeded(${1:step})", "Whether the step has a value."),
    form(
        "failed",
        "failed(step) -> bool",
        "failed(${1:step})",
        "Whether the step failed, and the plan went on.",
    ),
    form("skipped", "skipped(step) -> bool", "skipped(${1:step})", "Whether the step did not run."),
    form("error", "error(step) -> error?", "error(${1:step})", "The last error of the step, or null."),
    form(
        "failures",
        "failures(step) -> list",
        "failures(${1:step})",
        "The failed items of a `for` with `tolerate`.",
    ),
];

/// What asks for a field, a secret, or another label.
pub(crate) const OTHERS: &[Form] = &[
    form("has", "has(x.field) -> bool", "has($1)", "Whether a field is there and not null."),
    form("secret", "secret(\"NAME\") -> secret string", "secret(\"$1\")", "A secret of `aos.toml`."),
    form(
        "endorse",
        "endorse(x, \"reason\") -> trusted T",
        "endorse($1, \"${2:reason}\")",
        "Says that untrusted content may be trusted.",
    ),
    form(
        "declassify",
        "declassify(x, \"reason\") -> public T",
        "declassify($1, \"${2:reason}\")",
        "Says that private content may be public.",
    ),
];

const fn form(name: &'static str, signature: &'static str, snippet: &'static str, doc: &'static str) -> Form {
    Form { name, signature, snippet, doc }
}

/// The form of a name, called on a value or by itself.
pub(crate) fn by_name(name: &str, receiver: bool) -> Option<&'static Form> {
    let (first, second): (&[Form], &[Form]) = if receiver { (MACROS, &[]) } else { (STATUS, OTHERS) };
    first.iter().chain(second).find(|f| f.name == name)
}
