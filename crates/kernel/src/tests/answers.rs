//! The tree over a roll-up's answers: at most one leaf for a request, and nothing new in older entries.

use units::Digest;

use super::{
    sovereignty::{endpoint, findings, start, tokens_with},
    *,
};
use crate::usage::{self, Answers};

/// A world with one service that answers, and its project.
fn serving() -> (World, Id<kinds::Project>, Id<kinds::Endpoint>) {
    let (mut world, _, risk) = start();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 8);
    let service = endpoint(&mut world, risk);
    world.schedule();
    (world, risk, service)
}

const fn answers(count: u64) -> Option<Answers> {
    Some(Answers { count, root: Digest([7; 32]) })
}

#[test]
fn more_answers_than_requests_are_refused_and_found() {
    let (mut world, risk, service) = serving();
    for count in [0, 4, u64::MAX] {
        let refused = tokens_with(&mut world, risk, service, answers(count)).unwrap_err();
        assert!(refused.to_string().contains("answers"), "{refused}");
    }
    tokens_with(&mut world, risk, service, answers(3)).unwrap();
    assert_eq!(world.verify().findings, vec![]);
    for count in [0, 4] {
        let found = findings(&world, |entry| {
            if let Event::Usage(usage::Event::Tokens(metered)) = &mut entry.event {
                metered.answers = answers(count);
            }
        });
        assert!(found.iter().any(|one| one.contains("answers to 3 requests")), "{found:?}");
    }
}

#[test]
fn an_entry_without_answers_is_written_as_it_was_before_there_were_any() {
    let (mut world, risk, service) = serving();
    tokens_with(&mut world, risk, service, None).unwrap();
    let leaf = String::from_utf8(world.leaves.last().unwrap().clone()).unwrap();
    assert!(leaf.contains("tokens_in") && !leaf.contains("answers"), "{leaf}");
    tokens_with(&mut world, risk, service, answers(2)).unwrap();
    let leaf = world.leaves.last().unwrap();
    let text = String::from_utf8(leaf.clone()).unwrap();
    assert!(text.contains(r#""answers":{"count":2,"root":"sha256:0707"#), "{text}");
    assert_eq!(Entry::from_leaf(leaf).unwrap().to_leaf().unwrap(), *leaf);
}
