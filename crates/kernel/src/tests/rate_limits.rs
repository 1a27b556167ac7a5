//! Rate limits: one for each owner, changed in place, refused where they could not be counted.

use super::*;
use crate::{
    budget::Owner,
    rate_limit::{self, Terms},
};

const NONE: Terms = Terms {
    requests_per_minute: None,
    tokens_per_minute: None,
    concurrent_max: None,
    weight: None,
};

fn set(world: &mut World, owner: Owner, terms: Terms) -> Result<(), Reject> {
    world.run(Command::RateLimit(rate_limit::Command::Set { owner, terms })).map(|_| ())
}

#[test]
fn a_limit_is_set_changed_in_place_and_deleted() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let owner = Owner::Project(world.project(bank, "risk"));
    let terms = Terms { requests_per_minute: Some(60), ..NONE };
    set(&mut world, owner, terms).unwrap();
    let size = world.state.size;
    set(&mut world, owner, terms).unwrap();
    assert_eq!(world.state.size, size, "what is true already is no event");
    let id = world.state.rate_limit_of(owner).unwrap().id;
    set(&mut world, owner, Terms { tokens_per_minute: Some(0), ..NONE }).unwrap();
    let limit = world.state.rate_limit_of(owner).unwrap();
    assert_eq!((limit.id, limit.meta.version), (id, 2));
    assert_eq!(limit.terms.requests_per_minute, None, "the whole of it is replaced");
    world.run(Command::RateLimit(rate_limit::Command::Delete { id })).unwrap();
    assert_eq!(world.state.rate_limit_of(owner), None);
    let gone = world.run(Command::RateLimit(rate_limit::Command::Delete { id }));
    assert!(matches!(gone, Err(Reject::NotFound { kind: "rate limit", .. })), "{gone:?}");
    world.verify();
}

#[test]
fn a_limit_that_could_not_be_counted_is_refused() {
    let mut world = World::new();
    let bank = Owner::Organisation(world.organisation("bank"));
    let nobody = Owner::Key(Id::from_bytes([9; 16]));
    let missing = set(&mut world, nobody, Terms { concurrent_max: Some(1), ..NONE });
    assert!(matches!(missing, Err(Reject::NotFound { kind: "key", .. })), "{missing:?}");
    let empty = set(&mut world, bank, NONE);
    let is_empty = matches!(empty, Err(Reject::Invalid { field: "requests_per_minute", .. }));
    assert!(is_empty, "{empty:?}");
    let huge = set(&mut world, bank, Terms { tokens_per_minute: Some(u64::MAX), ..NONE });
    assert!(matches!(huge, Err(Reject::Invalid { field: "tokens_per_minute", .. })), "{huge:?}");
    let no_share = set(&mut world, bank, Terms { weight: Some(0), ..NONE });
    assert!(matches!(no_share, Err(Reject::Invalid { field: "weight", .. })), "{no_share:?}");
    world.verify();
}
