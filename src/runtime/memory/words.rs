//! From a text to the words it is found by.

use unicode_segmentation::UnicodeSegmentation as _;

/// Longer ones are digests and the like: nobody looks for them by word.
const LONGEST: usize = 64;
/// A text is found by so many of its first words: with the most memories of the largest size an index still fits into memory.
pub(super) const MOST: usize = 400;

/// The words of a text in lower case, names like `http.get_all` in their parts.
pub(crate) fn words(text: &str, stemmed: bool) -> impl Iterator<Item = String> {
    let parts = text.unicode_words().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
    let short = parts.filter(|part| !part.is_empty() && part.len() <= LONGEST);
    short.map(move |part| {
        let word = part.to_lowercase();
        if stemmed { stem(word) } else { word }
    })
}

/// An English word without the endings of its plural and of its verb forms: `invoices`, `invoiced` and `invoicing` are one.
fn stem(mut word: String) -> String {
    if word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word;
    }
    if word.ends_with("ies") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") {
        word.pop();
    }
    for ending in ["ing", "ed"] {
        let Some(rest) = word.strip_suffix(ending) else { continue };
        if rest.len() > 2 && rest.contains(['a', 'e', 'i', 'o', 'u', 'y']) {
            word.truncate(rest.len());
            let twice = matches!(word.as_bytes(), [.., a, b] if a == b && !matches!(b, b'l' | b's' | b'z'));
            if twice {
                word.pop();
            }
        }
        break;
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        words(text, true).collect()
    }

    #[test]
    fn forms_of_a_word_are_one() {
        for forms in [
            "invoice invoices invoiced invoicing",
            "deploy deploys deployed deploying",
            "reply replies",
            "stop stops stopped stopping",
            "call calls called calling",
            "release releases released releasing",
        ] {
            let found = all(forms);
            assert!(found.iter().all(|w| *w == found[0]), "{found:?}");
        }
        assert_eq!(all("this status class is red"), ["this", "status", "class", "is", "red"]);
    }

    #[test]
    fn names_and_scripts() {
        assert_eq!(
            words("http.get_all can't Ünïted 日本 12.5", false).collect::<Vec<_>>(),
            ["http", "get", "all", "can", "t", "ünïted", "日", "本", "12", "5"]
        );
        assert_eq!(all(&"x".repeat(65)), [""; 0]);
        assert_eq!(all("\u{0} \u{202e} …"), [""; 0]);
    }
}
