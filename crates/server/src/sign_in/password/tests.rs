//! What is stored, who is let in, and what a flood costs.

use super::*;

const GOOD: &str = "correct horse battery";

#[tokio::test]
async fn only_the_right_password_is_right() {
    let passwords = Passwords::default();
    let stored = passwords.hash(GOOD.to_owned()).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let again = passwords.hash(GOOD.to_owned()).await.unwrap();
    assert_ne!(stored, again, "each hash has a salt of its own");
    for (stored, password, expected) in [
        (Some(stored.clone()), GOOD, true),
        (Some(stored.clone()), "correct horse batterY", false),
        (Some(stored.clone()), "", false),
        (None, GOOD, false),
        (None, "nobody has this password", false),
    ] {
        let answer = passwords.verify(stored, password.to_owned()).await;
        assert_eq!(answer, Ok(expected), "{password}");
    }
    let long = "x".repeat(BYTES_MAX + 1);
    assert_eq!(passwords.verify(Some(stored), long).await, Ok(false));
}

#[tokio::test]
async fn short_and_endless_passwords_are_refused_with_the_rule() {
    let passwords = Passwords::default();
    for password in ["x".repeat(14), "x".repeat(BYTES_MAX + 1)] {
        let refused = passwords.hash(password).await.unwrap_err();
        assert!(matches!(&refused, PasswordError::Refused(text) if text.contains("15 characters")));
    }
    // Characters count, not bytes.
    assert!(passwords.hash("é".repeat(15)).await.is_ok());
}

#[test]
fn a_stored_text_cannot_choose_our_memory() {
    let hostile = "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                   RdescudvJCsgt3ub+b4dWRWJTmaaJObGRdescudvJCs";
    let other = "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                 RdescudvJCsgt3ub+b4dWRWJTmaaJObGRdescudvJCs";
    for text in [hostile, other, "", "plain", "$argon2id$"] {
        assert!(!verify(text, "password"));
    }
}

#[tokio::test]
async fn a_flood_is_told_to_come_back_and_leaves_no_trace() {
    let passwords = Passwords::default();
    let all = (0..AT_ONCE + WAITING_MAX + 20).map(|_| passwords.verify(None, GOOD.to_owned()));
    let answers = futures_util::future::join_all(all).await;
    let busy = answers.iter().filter(|answer| **answer == Err(PasswordError::Busy)).count();
    assert!(busy >= 20, "{busy} were refused");
    assert!(answers.contains(&Ok(false)), "those in the queue are served");
    assert_eq!(passwords.waiting.load(Ordering::SeqCst), 0);
    assert_eq!(passwords.turns.available_permits(), AT_ONCE);
    assert_eq!(passwords.verify(None, GOOD.to_owned()).await, Ok(false));
}
