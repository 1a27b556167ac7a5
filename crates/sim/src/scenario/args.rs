//! The words and `name=value` options of one line. Every option must be asked for: one that nobody
//! asked for is a mistake of the writer and is refused.

use std::{collections::BTreeMap, str::FromStr};

use units::{Bytes, DurationMicros, MicroEuro, MilliCpu};

/// A line taken apart.
#[derive(Debug)]
pub(super) struct Args<'a> {
    words: std::vec::IntoIter<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Args<'a> {
    /// Takes a line apart at its spaces.
    pub(super) fn new(line: &'a str) -> Self {
        let (options, words): (Vec<&str>, Vec<&str>) =
            line.split_whitespace().partition(|word| word.contains('='));
        let options = options.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { words: words.into_iter(), options }
    }

    /// The next word as a value.
    pub(super) fn word<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.words.next().ok_or_else(|| format!("{what} is missing"))?;
        word.parse().map_err(|_| format!("`{word}` is not {what}"))
    }

    /// The next word, if there is one.
    pub(super) fn optional_word(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// An option as a value, or what it is without.
    pub(super) fn option<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        Ok(self.maybe(name)?.unwrap_or(default))
    }

    /// An option as a value, if it is given.
    pub(super) fn maybe<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.options.remove(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("`{name}={text}` cannot be read"))
    }

    /// Cores such as `4` or `0.5`.
    pub(super) fn cores(&mut self, name: &str, default_milli: u64) -> Result<MilliCpu, String> {
        let Some(text) = self.options.remove(name) else { return Ok(MilliCpu(default_milli)) };
        // Cores have three decimals as thousandths: the amount parser reads six.
        let micros: MicroEuro = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
        Ok(MilliCpu(u64::try_from(micros.0 / 1_000).unwrap_or(0)))
    }

    /// Whole gibibytes.
    pub(super) fn gibibytes(&mut self, name: &str, default: u64) -> Result<Bytes, String> {
        Ok(Bytes(self.option(name, default)?.saturating_mul(1 << 30)))
    }

    /// A duration such as `10s`, in microseconds.
    pub(super) fn duration(&mut self, name: &str) -> Result<DurationMicros, String> {
        self.option(name, DurationMicros::ZERO)
    }

    /// A list separated by commas.
    pub(super) fn list<T: FromStr>(&mut self, name: &str) -> Result<Option<Vec<T>>, String> {
        let Some(text) = self.options.remove(name) else { return Ok(None) };
        let wrong = |part: &str| format!("`{part}` in `{name}` cannot be read");
        let parts = text.split(',').map(|part| part.parse().map_err(|_| wrong(part)));
        parts.collect::<Result<Vec<T>, String>>().map(Some)
    }

    /// The options that are left, for commands that take any.
    pub(super) fn rest(&mut self) -> BTreeMap<&'a str, &'a str> {
        std::mem::take(&mut self.options)
    }

    /// Refuses whatever nobody asked for.
    pub(super) fn finish(mut self) -> Result<(), String> {
        if let Some(word) = self.words.next() {
            return Err(format!("`{word}` is one word too many"));
        }
        match self.options.keys().next() {
            None => Ok(()),
            Some(option) => Err(format!("option `{option}` does not exist here")),
        }
    }
}
