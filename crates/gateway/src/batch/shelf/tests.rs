//! What a room shows, forgets and finds again.

use std::fs;
use std::sync::Arc;

use units::{Id, kinds};

use super::{Card, Kind, Room, Shelf, card_of};
use crate::batch::config::BatchConfig;
use crate::batch::id::Uuid;
use crate::batch::record::{Status, tests::record};
use crate::batch::safe::{Safe, SafeError, Seal};
use crate::batch::sealed::tests::Paper;
use crate::directory::{Caller, Refusal};

/// Seals for everybody but one, whose key is gone.
struct Keys;

const GONE: [u8; 16] = [66; 16];

impl Safe for Keys {
    fn may_keep(&self, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    fn holder(&self, _: Id<kinds::Key>) -> Result<Caller, Refusal> {
        Err(Refusal::InvalidKey)
    }

    fn seal_of(&self, project: Id<kinds::Project>) -> Result<Arc<dyn Seal>, SafeError> {
        if *project.as_bytes() == GONE {
            return Err(SafeError { detail: "destroyed".into() });
        }
        Ok(Arc::new(Paper))
    }
}

fn shelf() -> (tempfile::TempDir, Shelf) {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(&BatchConfig::new(folder.path().join("content")), Arc::new(Keys));
    (folder, shelf)
}

fn keep(room: &Room, number: u8, expires_s: i64) -> Card {
    let id = Uuid::from_bytes([number; 16]);
    let mut writer = room.write(id).unwrap();
    writer.write(b"content").unwrap();
    let named = (id, "name".to_owned());
    let card = card_of(named, (Kind::Request, false), writer.finish().unwrap(), (1, expires_s));
    room.keep(&card).unwrap();
    card
}

fn count(room: &Room) -> usize {
    fs::read_dir(&room.folder).unwrap().count()
}

#[test]
fn a_room_shows_what_is_not_over() {
    let (_folder, shelf) = shelf();
    let project = Id::from_bytes([1; 16]);
    assert!(shelf.room(project).unwrap().is_none(), "nothing is made by looking");
    let room = shelf.make_room(project).unwrap();
    let (old, new) = (keep(&room, 1, 100), keep(&room, 2, 200));
    assert_eq!(room.cards(99).unwrap(), [new.clone(), old.clone()], "the newest first");
    assert_eq!(room.cards(100).unwrap(), std::slice::from_ref(&new));
    assert_eq!(
        (room.card(old.id, 99).unwrap(), room.card(old.id, 100).unwrap()),
        (Some(old), None)
    );
    shelf.sweep(150).unwrap();
    assert_eq!(count(&room), 2, "the one that is over is gone with its content");
    assert!(room.remove(new.id).unwrap() && !room.remove(new.id).unwrap());
    assert_eq!(count(&room), 0);
    assert!(shelf.make_room(Id::from_bytes(GONE)).is_err());
    assert_eq!(shelf.projects().unwrap(), [project], "no folder without a key");
}

#[test]
fn what_nobody_finished_is_tidied_away() {
    let (_folder, shelf) = shelf();
    let room = shelf.make_room(Id::from_bytes([1; 16])).unwrap();
    let kept = keep(&room, 1, 100);
    room.save(&record(Status::InProgress)).unwrap();
    fs::write(room.rows(record(Status::InProgress).id), "rows").unwrap();
    for left in ["data", "rows", "new"] {
        let name = format!("{}.{left}", Uuid::from_bytes([9; 16]));
        fs::write(room.folder.join(name), "half").unwrap();
    }
    shelf.tidy().unwrap();
    assert_eq!(room.cards(1).unwrap(), [kept]);
    assert_eq!(count(&room), 4, "a file and a batch, each with its content");
}

#[test]
fn a_batch_is_open_until_it_is_done() {
    let (_folder, shelf) = shelf();
    let room = shelf.make_room(Id::from_bytes([1; 16])).unwrap();
    let (open, done) = (record(Status::InProgress), record(Status::Completed));
    room.save(&open).unwrap();
    fs::write(room.rows(open.id), "rows").unwrap();
    shelf.sweep(9_999).unwrap();
    assert_eq!(room.open_records().unwrap(), std::slice::from_ref(&open), "whatever the day");
    // A process that dies between the names of a batch leaves both.
    let both = fs::read_dir(&room.folder).unwrap().map(|one| one.unwrap().path());
    let left = both.into_iter().find(|path| path.extension().unwrap() == "open").unwrap();
    let bytes = fs::read(&left).unwrap();
    room.save(&done).unwrap();
    assert_eq!(count(&room), 1, "its rows are in its files by now");
    fs::write(&left, bytes).unwrap();
    assert_eq!(room.open_records().unwrap(), []);
    assert_eq!(room.records(1).unwrap(), std::slice::from_ref(&done));
    assert_eq!(room.record(done.id, 1).unwrap(), Some(done));
}
