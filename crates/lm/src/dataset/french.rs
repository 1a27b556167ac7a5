//! French names of whole numbers in traditional spelling, from zero to 999,999.
//!
//! Rules: hyphens join the words of a number below one hundred, except around `et`; `et` precedes `un`
//! and `onze` after 20 to 60 (`vingt et un`, `soixante et onze`) but not after 80; `vingt` in
//! `quatre-vingts` and `cent` take an s when multiplied and last, and lose it before `mille`.

/// Largest number with a name here.
pub(crate) const NUMBER_MAX: u32 = 999_999;

const SMALL: [&str; 17] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze",
    "douze", "treize", "quatorze", "quinze", "seize",
];
const TENS: [&str; 7] = ["", "dix", "vingt", "trente", "quarante", "cinquante", "soixante"];

/// The French name of a number, `None` above 999,999.
#[must_use]
pub fn number_words(number: u32) -> Option<String> {
    if number > NUMBER_MAX {
        return None;
    }
    let (thousands, rest) = (number / 1_000, number % 1_000);
    Some(match (thousands, rest) {
        (0, rest) => below_thousand(rest, true),
        (1, 0) => "mille".to_owned(),
        (1, rest) => format!("mille {}", below_thousand(rest, true)),
        (thousands, 0) => format!("{} mille", below_thousand(thousands, false)),
        (thousands, rest) => {
            format!("{} mille {}", below_thousand(thousands, false), below_thousand(rest, true))
        }
    })
}

/// `last` says whether nothing follows, in which case `cents` and `quatre-vingts` keep their s.
fn below_thousand(number: u32, last: bool) -> String {
    let plural = if last { "s" } else { "" };
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest, last),
        (1, 0) => "cent".to_owned(),
        (1, rest) => format!("cent {}", below_hundred(rest, last)),
        (hundreds, 0) => format!("{} cent{plural}", small(hundreds)),
        (hundreds, rest) => format!("{} cent {}", small(hundreds), below_hundred(rest, last)),
    }
}

fn below_hundred(number: u32, last: bool) -> String {
    match number {
        0..=16 => small(number).to_owned(),
        17..=19 => format!("dix-{}", small(number - 10)),
        71 => "soixante et onze".to_owned(),
        70..=79 => format!("soixante-{}", below_hundred(number - 60, last)),
        80 if last => "quatre-vingts".to_owned(),
        80 => "quatre-vingt".to_owned(),
        81..=99 => format!("quatre-vingt-{}", below_hundred(number - 80, last)),
        _ => {
            let tens = TENS.get((number / 10) as usize).copied().unwrap_or_default();
            match number % 10 {
                0 => tens.to_owned(),
                1 => format!("{tens} et un"),
                units => format!("{tens}-{}", small(units)),
            }
        }
    }
}

fn small(number: u32) -> &'static str {
    SMALL.get(number as usize).copied().unwrap_or_default()
}
