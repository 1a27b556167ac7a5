//! Reads values one by one and collects what is wrong with them.

use std::{fmt, str::FromStr};

use units::DurationMicros;

use crate::{job_file::Scalar, problem::FieldError};

/// Longest grace and longest time limit: 365 days.
const DURATION_MAX: DurationMicros = DurationMicros::from_secs(365 * 86_400);

/// Collects what is wrong, so that a person sees all of it at once.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) errors: Vec<FieldError>,
}

impl Reader {
    pub(super) fn refuse(&mut self, pointer: &str, message: impl fmt::Display) {
        self.errors.push(FieldError::new(pointer, message.to_string()));
    }

    /// The value read, or `None` with an error noted.
    pub(super) fn take<T, E: fmt::Display>(
        &mut self,
        pointer: &str,
        read: Result<T, E>,
    ) -> Option<T> {
        read.map_err(|error| self.refuse(pointer, error)).ok()
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(
        &mut self,
        pointer: &str,
        text: &str,
    ) -> Option<T> {
        self.take(pointer, text.parse())
    }

    /// A whole number within a range, or the default if absent.
    pub(super) fn number(
        &mut self,
        pointer: &str,
        value: Option<&Scalar>,
        range: (i64, i64),
    ) -> Option<i64> {
        let value = value?;
        let number = match value {
            Scalar::Integer(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
        };
        let good = number.filter(|n| (range.0..=range.1).contains(n));
        if good.is_none() {
            let message =
                format!("`{value}` is not a whole number from {} to {}", range.0, range.1);
            self.refuse(pointer, message);
        }
        good
    }

    pub(super) fn duration(
        &mut self,
        pointer: &str,
        text: Option<&String>,
    ) -> Option<DurationMicros> {
        let text = text?;
        let read: DurationMicros = self.parse(pointer, text)?;
        if read == DurationMicros::ZERO || read > DURATION_MAX {
            self.refuse(pointer, format!("`{text}` is not between 1ms and 365d"));
        }
        Some(read)
    }
}
