//! The language reference and a guide, as pages of this documentation; `aos docs` shows them in a terminal.
//!
//! Every example in them runs: `tests/docs.rs` checks each plan, evaluates each expression and runs each command.

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// `reference`, or with its book before it: `reference/lexical`.
    pub name: &'static str,
    /// Markdown; a name in brackets is another page or a diagnostic.
    pub text: &'static str,
}

impl Page {
    /// What stands in its first line.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

/// The module and the row of every page; `links.md` says what the names in brackets are.
macro_rules! books {
    ($($book:ident { $($page:ident)* })*) => {
        $(
            #[doc = include_str!(concat!("docs/", stringify!($book), ".md"))]
            #[doc = ""]
            #[doc = include_str!("docs/links.md")]
            pub mod $book {
                $(
                    #[doc = include_str!(concat!("docs/", stringify!($book), "/", stringify!($page), ".md"))]
                    #[doc = ""]
                    #[doc = include_str!("docs/links.md")]
                    pub mod $page {}
                )*
            }
        )*

        /// All pages in the order to read them.
        pub const PAGES: &[Page] = &[$(
            Page {
                name: stringify!($book),
                text: include_str!(concat!("docs/", stringify!($book), ".md")),
            },
            $(Page {
                name: concat!(stringify!($book), "/", stringify!($page)),
                text: include_str!(concat!("docs/", stringify!($book), "/", stringify!($page), ".md")),
            },)*
        )*];
    };
}

books! {
    reference {
        lexical
        items
        types
        actions
        clauses
        missing_values
        errors
        people
        effects
        trust
        budget
        expressions
        tests
        json_form
        config
        commands
    }
    guide {
        first_plan
        errors
        loops
        testing
        skills
        people
        crashes
        trust
        costs
        models
        planning
        editors
    }
}

/// The page of this name, or the first one whose last part is it.
#[must_use]
pub fn page(name: &str) -> Option<&'static Page> {
    let name = name.trim_end_matches(".md");
    PAGES
        .iter()
        .find(|p| p.name == name)
        .or_else(|| PAGES.iter().find(|p| p.name.rsplit_once('/').is_some_and(|(_, last)| last == name)))
}
