//! Narrowing a token, by whoever holds it, without asking anybody.
//!
//! Nothing here knows the root key: a holder can only add conditions. Whether a token is genuine is
//! not known here either; the platform finds out when it is used.

use std::collections::{BTreeSet, HashMap};

use biscuit_auth::{BlockBuilder, UnverifiedBiscuit, builder::Term, error};
use units::{Country, MicroEuro, UnixMicros};

use super::{BLOCKS_MAX, PREFIX, TOKEN_BYTES_MAX};

/// Most values of one list.
const VALUES_MAX: usize = 32;

/// Why a token cannot be narrowed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// The text is not a token.
    #[error("this is not a capability token: {0}")]
    NotAToken(String),
    /// What was asked for cannot be added.
    #[error("{0}")]
    Invalid(String),
}

impl CapabilityError {
    pub(super) fn of(error: &error::Token) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// What a token is narrowed to. An empty list or an absent value narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attenuation {
    /// Only these models may be called, by their public names.
    pub models: Vec<String>,
    /// Calls that carry this token, or one made from it, may cost so much together.
    pub budget: Option<MicroEuro>,
    /// Only machines in these countries may answer.
    pub countries: Vec<Country>,
    /// Nothing from this time on.
    pub until: Option<UnixMicros>,
    /// Only these operations: `operationId`s of the API, or `inference`.
    pub operations: Vec<String>,
}

/// A token as its holder sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Each block in Biscuit's language; the first is the platform's.
    pub blocks: Vec<String>,
    /// The id of each block by which the platform can be told to revoke it, in hexadecimal.
    pub revocation_ids: Vec<String>,
}

/// The name of the fact with what was spent by calls that carried block `n`.
pub(super) fn spent_name(block: usize) -> String {
    format!("spent_{block}")
}

/// Narrows a token. The new one can be narrowed again; the old one stays as it is.
///
/// # Errors
/// [`CapabilityError`] if the text is no token, or nothing is narrowed.
pub fn attenuate(token: &str, to: &Attenuation) -> Result<String, CapabilityError> {
    let token = read(token)?;
    let index = token.block_count();
    if index >= BLOCKS_MAX {
        return Err(CapabilityError::Invalid(format!(
            "a token has at most {BLOCKS_MAX} blocks: narrow an earlier one"
        )));
    }
    let (source, values) = source(to, index)?;
    let block = BlockBuilder::new().code_with_params(source, values, HashMap::new());
    let block = block.map_err(|error| CapabilityError::of(&error))?;
    let narrowed = token.append(block).map_err(|error| CapabilityError::of(&error))?;
    let text = narrowed.to_base64().map_err(|error| CapabilityError::of(&error))?;
    if text.len() > TOKEN_BYTES_MAX {
        return Err(CapabilityError::Invalid("the token would be too long".to_owned()));
    }
    Ok(format!("{PREFIX}{text}"))
}

/// The conditions in Biscuit's language, with values apart so that no text can become language.
fn source(
    to: &Attenuation,
    index: usize,
) -> Result<(String, HashMap<String, Term>), CapabilityError> {
    let mut source = String::new();
    let mut values = HashMap::new();
    let countries: Vec<String> = to.countries.iter().map(|c| c.as_str().to_owned()).collect();
    let lists = [("model", &to.models), ("country", &countries), ("operation", &to.operations)];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let set: BTreeSet<Term> = list.iter().cloned().map(Term::Str).collect();
        if set.len() > VALUES_MAX || list.iter().any(|text| text.is_empty() || text.len() > 128) {
            let text = format!("`{name}` takes 1 to {VALUES_MAX} values of 1 to 128 bytes");
            return Err(CapabilityError::Invalid(text));
        }
        source.push_str(&format!("check if {name}($x), {{{name}s}}.contains($x);\n"));
        values.insert(format!("{name}s"), Term::Set(set));
    }
    if let Some(budget) = to.budget {
        if budget.0 <= 0 {
            return Err(CapabilityError::Invalid("a budget is more than nothing".to_owned()));
        }
        // Only calls of models are charged to a token: with a budget it is for nothing else.
        let spent = spent_name(index);
        source.push_str(&format!(
            "check if operation(\"inference\");\ncheck if {spent}($x), $x < {{budget}};\n"
        ));
        values.insert("budget".to_owned(), Term::Integer(budget.0));
    }
    if let Some(until) = to.until {
        let seconds = u64::try_from(until.secs()).unwrap_or(0);
        source.push_str("check if time($x), $x < {until};\n");
        values.insert("until".to_owned(), Term::Date(seconds));
    }
    if source.is_empty() {
        let text = "nothing is narrowed: name a model, a budget, a country, a time or an operation";
        return Err(CapabilityError::Invalid(text.to_owned()));
    }
    Ok((source, values))
}

/// Reads a token without knowing whether it is genuine.
///
/// # Errors
/// [`CapabilityError::NotAToken`].
pub fn describe(token: &str) -> Result<Described, CapabilityError> {
    let token = read(token)?;
    let blocks = (0..token.block_count()).map(|index| token.print_block_source(index));
    let blocks: Result<Vec<String>, error::Token> = blocks.collect();
    let blocks = blocks.map_err(|error| CapabilityError::NotAToken(error.to_string()))?;
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let revocation_ids = token.revocation_identifiers().iter().map(hex).collect();
    Ok(Described { blocks, revocation_ids })
}

fn read(token: &str) -> Result<UnverifiedBiscuit, CapabilityError> {
    let token = token.trim();
    let wrong = |why: &str| Err(CapabilityError::NotAToken(why.to_owned()));
    let Some(text) = token.strip_prefix(PREFIX) else {
        return wrong("it does not begin with `ccc_`; get one with `cocarde key capability`");
    };
    if text.len() > TOKEN_BYTES_MAX {
        return wrong("it is too long");
    }
    let read = UnverifiedBiscuit::from_base64(text);
    read.map_err(|error| CapabilityError::NotAToken(error.to_string()))
}
