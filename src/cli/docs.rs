//! `aos docs`: the pages of the reference and the guide.

use super::args::Docs;
use super::{CliResult, Exit, Stop, terminal};
use crate::diagnostic::nearest;
use crate::docs::{PAGES, page};

pub(crate) fn docs(args: &Docs) -> CliResult {
    let Some(name) = &args.page else {
        for page in PAGES {
            terminal::print(&format!("{:<26} {}", page.name, page.title()));
        }
        terminal::say("`aos docs NAME` shows one; `aos explain CODE` what a diagnostic means");
        return Ok(Exit::Done);
    };
    let Some(found) = page(name) else {
        let near = nearest(name, PAGES.iter().map(|p| p.name));
        let hint =
            near.map_or_else(|| "`aos docs` lists them".to_owned(), |n| format!("did you mean `{n}`?"));
        return Err(Stop::usage(format!("no page is called `{name}`; {hint}")));
    };
    terminal::print(found.text.trim_end());
    Ok(Exit::Done)
}
