//! Lists in pages: the token is the last key of the page before.

use std::{fmt::Display, str::FromStr};

use api::{nouns::common::Page, problem::Code};

use super::fail::Fail;

/// Items on a page if the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Most items on a page.
const LIMIT_MAX: u32 = 500;

/// Which page, read.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<K> {
    /// Items on it.
    pub(crate) limit: usize,
    /// The last key of the page before.
    pub(crate) after: Option<K>,
}

impl<K: FromStr> Wanted<K> {
    /// Reads `limit` and `page_token`.
    ///
    /// # Errors
    /// 400 for a limit out of range or a token that no page had.
    pub(crate) fn of(limit: Option<u32>, token: Option<&str>) -> Result<Self, Fail> {
        let limit = limit_of(limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        let after = token.map(|text| {
            text.parse().map_err(|_| {
                let detail =
                    "`page_token` is not one that a page gave: pass `next_page_token` as it is";
                Fail::new(Code::InvalidQuery, detail)
            })
        });
        Ok(Self { limit, after: after.transpose()? })
    }
}

/// How many items a page has: what the caller says, or what is usual.
///
/// # Errors
/// 400 for a limit out of range.
pub(crate) fn limit_of(limit: Option<u32>, usual: u32, most: u32) -> Result<usize, Fail> {
    let limit = limit.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        let detail = format!("`limit` is {limit}: use 1 to {most}");
        return Err(Fail::new(Code::InvalidQuery, detail));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Cuts a page from items that begin after the token.
pub(crate) fn cut<K: Display, T>(
    items: impl Iterator<Item = (K, T)>,
    limit: usize,
    as_of: u64,
) -> Page<T> {
    let mut page = Vec::new();
    let mut last: Option<K> = None;
    for (key, item) in items {
        if page.len() == limit {
            let next_page_token = last.map(|key| key.to_string());
            return Page { items: page, next_page_token, as_of };
        }
        page.push(item);
        last = Some(key);
    }
    Page { items: page, next_page_token: None, as_of }
}

/// The range of keys after the token, ascending.
pub(crate) fn after<K: Ord + Copy>(wanted: &Wanted<K>) -> (std::ops::Bound<K>, std::ops::Bound<K>) {
    use std::ops::Bound::{Excluded, Unbounded};
    (wanted.after.map_or(Unbounded, Excluded), Unbounded)
}

/// The range of keys before the token: for lists whose newest item comes first.
pub(crate) fn before<K: Ord + Copy>(
    wanted: &Wanted<K>,
) -> (std::ops::Bound<K>, std::ops::Bound<K>) {
    use std::ops::Bound::{Excluded, Unbounded};
    (Unbounded, wanted.after.map_or(Unbounded, Excluded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_repetition() {
        let all: std::collections::BTreeMap<u32, u32> = (1..=7).map(|n| (n, n * 10)).collect();
        let mut token: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let wanted = Wanted::<u32>::of(Some(3), token.as_deref()).unwrap();
            let items = all.range(after(&wanted)).map(|(k, v)| (*k, *v));
            let page = cut(items, wanted.limit, 9);
            seen.extend(page.items);
            token = page.next_page_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, [10, 20, 30, 40, 50, 60, 70]);
        assert!(Wanted::<u32>::of(Some(0), None).is_err());
        assert!(Wanted::<u32>::of(Some(501), None).is_err());
        assert!(Wanted::<u32>::of(None, Some("x")).is_err());
    }
}
