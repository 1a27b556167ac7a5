//! A look at a policy text before the parser sees it: how deep it nests and where policies start.
//!
//! Cedar's parser, validator and evaluator recurse over the expression, so a small text of nested
//! brackets or a long chain of operators could exhaust the stack and end the process. This scan
//! bounds both from above. It must never be cleverer than Cedar's lexer: it only knows strings,
//! comments and single characters, and counts too much rather than too little.

use crate::error::Fault;

/// Brackets open at the same time in one policy.
pub const NESTING_MAX: u32 = 32;

/// Operators (`.`, `&&`, `||`, `+`, `-`, `*`, `!`, `if`) in one policy, each of which may add a level.
pub const OPERATORS_MAX: u32 = 128;

/// What the scan found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Lines, counted from 1, on which the policies of the text start.
    pub(crate) lines: Vec<u32>,
    /// Operators of the policy that has most.
    pub(crate) operators_max: u32,
}

/// Scans one text.
///
/// # Errors
/// The line and the fault, for a text that is not closed or would recurse too deep.
pub(crate) fn policies(text: &str) -> Result<Scanned, (u32, Fault)> {
    let mut scan = Scan::default();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => {
                scan.line = scan.line.saturating_add(1);
                scan.end_word();
            }
            '/' if characters.peek() == Some(&'/') => {
                scan.end_word();
                while characters.next_if(|c| !matches!(c, '\n' | '\r')).is_some() {}
            }
            '"' => {
                scan.begin();
                scan.end_word();
                skip_string(&mut characters, &mut scan)?;
            }
            other => scan.take(other)?,
        }
    }
    Ok(Scanned { lines: scan.starts, operators_max: scan.operators_max })
}

/// Passes over a string literal whose opening quote is already taken.
fn skip_string(
    characters: &mut impl Iterator<Item = char>,
    scan: &mut Scan,
) -> Result<(), (u32, Fault)> {
    let opened = scan.line();
    let mut escaped = false;
    for character in characters {
        if character == '\n' {
            scan.line = scan.line.saturating_add(1);
        }
        match (escaped, character) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, '"') => return Ok(()),
            (false, _) => {}
        }
    }
    Err((opened, Fault::OpenString))
}

/// Where the scan stands.
#[derive(Debug, Default)]
struct Scan {
    /// Line breaks passed.
    line: u32,
    starts: Vec<u32>,
    inside: bool,
    nesting: u32,
    operators: u32,
    operators_max: u32,
    /// One of the two characters of `&&` or `||` has been passed.
    half: bool,
    word: Word,
}

/// How much of the keyword `if` the current word is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Word {
    #[default]
    None,
    I,
    If,
    Other,
}

impl Scan {
    fn line(&self) -> u32 {
        self.line.saturating_add(1)
    }

    /// Notes the start of a policy at its first token.
    fn begin(&mut self) {
        if !self.inside {
            self.inside = true;
            self.starts.push(self.line());
        }
    }

    fn end_word(&mut self) {
        if self.word == Word::If {
            self.operators = self.operators.saturating_add(1);
        }
        self.word = Word::None;
    }

    fn take(&mut self, character: char) -> Result<(), (u32, Fault)> {
        if character.is_ascii_alphanumeric() || character == '_' {
            self.begin();
            self.word = match (self.word, character) {
                (Word::None, 'i') => Word::I,
                (Word::I, 'f') => Word::If,
                (Word::None | Word::I | Word::If | Word::Other, _) => Word::Other,
            };
            return Ok(());
        }
        self.end_word();
        if character.is_whitespace() {
            return Ok(());
        }
        self.begin();
        match character {
            ';' => {
                self.inside = false;
                self.nesting = 0;
                self.operators = 0;
            }
            '(' | '[' | '{' => self.nesting = self.nesting.saturating_add(1),
            ')' | ']' | '}' => self.nesting = self.nesting.saturating_sub(1),
            '.' | '+' | '-' | '*' | '!' => self.operators = self.operators.saturating_add(1),
            // Two characters make one operator; a single one is a syntax error anyway.
            '&' | '|' if self.half => {
                self.half = false;
                self.operators = self.operators.saturating_add(1);
            }
            '&' | '|' => self.half = true,
            _ => {}
        }
        self.operators_max = self.operators_max.max(self.operators);
        if self.nesting > NESTING_MAX {
            return Err((self.line(), Fault::TooNested));
        }
        if self.operators > OPERATORS_MAX {
            return Err((self.line(), Fault::TooManyOperators));
        }
        Ok(())
    }
}
