//! The JSON Schema suite against what validates the arguments and results of imported skills.

use super::lines;
use crate::support::cases;
use aos::runtime::skill::schema::Schema;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// `Err`: what is wrong with the verdict.
fn verdict(case: &Json) -> Result<(), String> {
    let found = Schema::new(&case["schema"]).map(|schema| schema.check(&case["data"]).is_ok());
    match found {
        Ok(valid) if valid == case["valid"] => Ok(()),
        Ok(valid) => Err(format!("{}: valid is {valid}, expected {}", case["id"], case["valid"])),
        Err(why) => Err(format!("{}: {why}", case["id"])),
    }
}

#[test]
fn core_and_references() {
    let mut wrong = Vec::new();
    for tier in ["core", "ref"] {
        let Some(set) = cases(&format!("conformance/jsonschema/{tier}.jsonl")) else { return };
        let all = lines(&set);
        let before = wrong.len();
        wrong.extend(all.iter().filter_map(|case| verdict(case).err()));
        println!("jsonschema {tier}: {} of {}", all.len() + before - wrong.len(), all.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Formats whose cases do not all come out right, with how many do not.
const FORMATS: &[(&str, usize)] = &[];

#[test]
fn formats() {
    let Some(set) = cases("conformance/jsonschema/format.jsonl") else { return };
    let mut by_format: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for case in lines(&set) {
        let row = by_format.entry(case["file"].as_str().unwrap().to_owned()).or_default();
        row.0 += 1;
        row.1.extend(verdict(&case).err());
    }
    let right: usize = by_format.values().map(|(all, wrong)| all - wrong.len()).sum();
    let all: usize = by_format.values().map(|(all, _)| all).sum();
    println!("jsonschema format: {right} of {all}");
    let mut unexpected = Vec::new();
    for (format, (all, wrong)) in by_format {
        println!("  {format}: {} of {all}", all - wrong.len());
        let known = FORMATS.iter().find(|(name, _)| *name == format).map_or(0, |(_, n)| *n);
        if wrong.len() != known {
            unexpected.extend(wrong);
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}
