//! Where a token may stand, and whose pages may use a cookie.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    headers
}

#[test]
fn tokens_are_found() {
    let check = |pairs: &[(&str, &str)], expected: Option<Credential<'_>>| {
        assert_eq!(credential(&headers(pairs)), expected, "{pairs:?}");
    };
    check(&[], None);
    check(&[("authorization", "Bearer cck_a")], Some(Credential::Bearer("cck_a")));
    check(&[("authorization", "bearer  cck_a ")], Some(Credential::Bearer("cck_a")));
    check(&[("authorization", "Basic cck_a")], None);
    check(&[("authorization", "cck_a")], None);
    let cookie = ("cookie", "other=1; cocarde_session=cck_b");
    check(&[cookie], Some(Credential::Cookie("cck_b")));
    check(&[cookie, ("authorization", "Bearer cck_a")], Some(Credential::Bearer("cck_a")));
    check(&[cookie, ("authorization", "Basic x")], None);
    check(&[("cookie", "xcocarde_session=cck_b")], None);
}

#[test]
fn only_pages_of_this_host_may_change_things_with_a_cookie() {
    let same = |pairs: &[(&str, &str)]| require_same_origin(&headers(pairs)).is_ok();
    assert!(same(&[("host", "a.test:80"), ("origin", "http://a.test:80")]));
    assert!(!same(&[("host", "a.test:80")]));
    assert!(!same(&[("host", "a.test"), ("origin", "http://b.test")]));
    assert!(!same(&[("host", "a.test"), ("origin", "null")]));
    assert!(!same(&[("host", "a.test"), ("origin", "http://a.test.evil.test")]));
}
