//! The member states of the European Union.
//!
//! A change of membership is a change of this list, and with it of every answer: it must never be
//! edited without a new list beside it for decisions made before.

use units::Country;

/// The 27 member states (ISO 3166-1 alpha-2), in the order of their codes. Source: Treaty on European
/// Union, Article 52, and the withdrawal of the United Kingdom in 2020.
pub const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// True for a member state.
#[must_use]
pub fn is_in_eu(country: Country) -> bool {
    EU.binary_search(&country.as_str()).is_ok()
}
