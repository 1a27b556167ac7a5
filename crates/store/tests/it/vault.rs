//! The vault: sealed, found again, refused without its key, and gone when erased.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use store::DataFolder;
use store::backup::{backup, restore};
use store::vault::{
    KEK_FILE, KeyEncryption, KeyError, LocalKey, Secret, Tenant, VAULT_FILE, Vault, VaultError,
    Wrapped, file_key, rotate_folder, text_key,
};
use units::{Id, kinds};

use crate::support::config;

const PLAIN: &[u8] = b"Zenobie Quatrefages <zenobie.quatrefages@exemple.fr>";
const EMAIL: &str = "zenobie.quatrefages@exemple.fr";

fn organisation(number: u8) -> Tenant {
    Tenant::Organisation(Id::<kinds::Organisation>::from_bytes([number; 16]))
}

fn key(digit: char) -> Box<LocalKey> {
    Box::new(text_key(&String::from(digit).repeat(64), "a test").unwrap())
}

fn open(dir: &Path) -> Vault {
    Vault::open(dir, key('1')).unwrap()
}

/// Every file below a folder that holds these bytes.
fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn sealed_bytes(dir: &Path, subject: &str) -> Vec<u8> {
    let connection = Connection::open(dir.join(VAULT_FILE)).unwrap();
    let sql = "SELECT sealed FROM record WHERE subject = ?1";
    connection.query_row(sql, [subject], |row| row.get(0)).unwrap()
}

/// Someone else's service that may withhold its key.
#[derive(Debug)]
struct Service {
    key: Box<LocalKey>,
    withheld: Arc<AtomicBool>,
}

impl Service {
    fn asked(&self) -> Result<(), KeyError> {
        if self.withheld.load(Ordering::SeqCst) {
            return Err(KeyError::Refused { key: "kms".into(), reason: "withheld".into() });
        }
        Ok(())
    }
}

impl KeyEncryption for Service {
    fn wrap(&self, context: &[u8], key: &Secret) -> Result<Wrapped, KeyError> {
        self.asked()?;
        self.key.wrap(context, key)
    }

    fn unwrap(&self, context: &[u8], wrapped: &Wrapped) -> Result<Secret, KeyError> {
        self.asked()?;
        self.key.unwrap(context, wrapped)
    }

    fn describe(&self) -> String {
        "a test's service".to_owned()
    }
}

#[test]
fn a_record_is_found_again_and_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    let tenant = organisation(1);
    let first = vault.put(tenant, "usr_1", PLAIN, &[("email", EMAIL)]).unwrap();
    assert_eq!(vault.get(tenant, "usr_1").unwrap().unwrap(), PLAIN);
    assert_eq!(vault.find(tenant, "email", EMAIL).unwrap().unwrap(), "usr_1");
    let (plain, lookups) = vault.take_out(tenant, "usr_1").unwrap().unwrap();
    assert_eq!((plain.as_slice(), lookups), (PLAIN, vec![("email".into(), EMAIL.into())]));
    assert_eq!(vault.find(tenant, "name", EMAIL).unwrap(), None, "a purpose is part of a lookup");
    assert_eq!(vault.find(organisation(2), "email", EMAIL).unwrap(), None);
    assert_eq!(vault.find(Tenant::Platform, "email", EMAIL).unwrap(), None);
    // The salt is fresh: the same content has another commitment.
    let second = vault.put(tenant, "usr_1", PLAIN, &[("email", "new@exemple.fr")]).unwrap();
    assert_ne!(first, second);
    assert_eq!(vault.commitment(tenant, "usr_1").unwrap(), Some(second));
    assert_eq!(vault.find(tenant, "email", EMAIL).unwrap(), None, "old lookups go");
    let again = open(scratch.path());
    assert_eq!(again.get(tenant, "usr_1").unwrap().unwrap(), PLAIN);
    assert_eq!(again.subjects(tenant, "", 10).unwrap(), ["usr_1"]);
}

#[test]
fn nobody_takes_anothers_lookup() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    vault.put(organisation(1), "usr_1", PLAIN, &[("email", EMAIL)]).unwrap();
    let refused = vault.put(organisation(1), "usr_2", b"x", &[("email", EMAIL)]).unwrap_err();
    assert!(matches!(refused, VaultError::LookupTaken { ref subject, .. } if subject == "usr_1"));
    assert_eq!(vault.get(organisation(1), "usr_2").unwrap(), None);
    vault.put(organisation(2), "usr_2", b"x", &[("email", EMAIL)]).unwrap();
}

#[test]
fn erased_bytes_are_in_no_file() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let vault = open(folder.path());
    let tenant = organisation(1);
    // Neighbours, so that the erased record shares its pages with others, and earlier contents.
    for number in 0..200 {
        let lookups = [("email", &*format!("someone{number}@exemple.fr"))];
        vault.put(tenant, &format!("usr_n{number}"), &[number; 300], &lookups).unwrap();
    }
    vault.put(tenant, "usr_z", b"an earlier content of the same record", &[]).unwrap();
    let earlier = sealed_bytes(folder.path(), "usr_z");
    vault.put(tenant, "usr_z", PLAIN, &[("email", EMAIL)]).unwrap();
    let sealed = sealed_bytes(folder.path(), "usr_z");
    assert!(files_with(folder.path(), PLAIN).is_empty(), "content is never unsealed on disk");
    assert!(files_with(folder.path(), EMAIL.as_bytes()).is_empty());
    assert!(!files_with(folder.path(), &sealed).is_empty(), "or the next line proves nothing");
    assert!(vault.erase(tenant, "usr_z").unwrap());
    for needle in [&*sealed, &*earlier, &sealed[24..60], PLAIN, EMAIL.as_bytes(), b"usr_z"] {
        assert_eq!(files_with(folder.path(), needle), Vec::<String>::new());
    }
    assert_eq!(vault.get(tenant, "usr_z").unwrap(), None);
    assert_eq!(vault.find(tenant, "email", EMAIL).unwrap(), None);
    assert!(!vault.erase(tenant, "usr_z").unwrap(), "again is harmless");
    assert_eq!(vault.get(tenant, "usr_n7").unwrap().unwrap(), [7; 300]);
    folder.close().unwrap();
}

#[test]
fn an_erasure_waits_for_whoever_reads_the_file() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    vault.put(organisation(1), "usr_1", PLAIN, &[]).unwrap();
    let sealed = sealed_bytes(scratch.path(), "usr_1");
    let reader = Connection::open(scratch.path().join(VAULT_FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record;").unwrap();
    assert_eq!(vault.erase(organisation(1), "usr_1"), Err(VaultError::NotYetGone));
    assert!(!files_with(scratch.path(), &sealed).is_empty());
    reader.execute_batch("COMMIT").unwrap();
    // The record is deleted already; what was left to do is done all the same.
    assert_eq!(vault.erase(organisation(1), "usr_1"), Ok(false));
    assert!(files_with(scratch.path(), &sealed).is_empty());
}

#[test]
fn a_destroyed_tenant_is_gone_for_good() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    vault.put(organisation(1), "usr_1", PLAIN, &[("email", EMAIL)]).unwrap();
    vault.put(organisation(2), "usr_2", PLAIN, &[("email", EMAIL)]).unwrap();
    let connection = Connection::open(scratch.path().join(VAULT_FILE)).unwrap();
    let sql = "SELECT wrapped FROM tenant_key WHERE tenant = ?1";
    let name = organisation(1).to_string();
    let wrapped: Vec<u8> = connection.query_row(sql, [&name], |row| row.get(0)).unwrap();
    drop(connection);
    assert!(vault.destroy_tenant(organisation(1)).unwrap());
    assert!(files_with(scratch.path(), &wrapped).is_empty());
    assert_eq!(vault.get(organisation(1), "usr_1").unwrap(), None);
    let refused = vault.put(organisation(1), "usr_3", b"late", &[]);
    assert_eq!(refused, Err(VaultError::Destroyed { tenant: organisation(1) }));
    assert!(!vault.destroy_tenant(organisation(1)).unwrap());
    assert_eq!(vault.destroy_tenant(Tenant::Platform), Err(VaultError::PlatformKey));
    assert_eq!(vault.get(organisation(2), "usr_2").unwrap().unwrap(), PLAIN);
    let summary = Vault::inspect(scratch.path()).unwrap().unwrap();
    assert_eq!((summary.tenants, summary.records, summary.destroyed), (1, 1, 1));
}

#[test]
fn withheld_key_leaves_data_unreadable() {
    let scratch = tempfile::tempdir().unwrap();
    let withheld = Arc::new(AtomicBool::new(false));
    let service = Service { key: key('5'), withheld: Arc::clone(&withheld) };
    let vault = Vault::open(scratch.path(), Box::new(service)).unwrap();
    vault.put(organisation(1), "usr_1", PLAIN, &[("email", EMAIL)]).unwrap();
    withheld.store(true, Ordering::SeqCst);
    let is_refused =
        |error| matches!(error, VaultError::Key { source: KeyError::Refused { .. }, .. });
    assert!(is_refused(vault.get(organisation(1), "usr_1").unwrap_err()));
    assert!(is_refused(vault.find(organisation(1), "email", EMAIL).unwrap_err()));
    assert!(is_refused(vault.put(organisation(1), "usr_1", b"x", &[]).unwrap_err()));
    assert!(is_refused(vault.put(organisation(2), "usr_2", b"x", &[]).unwrap_err()));
    assert!(is_refused(vault.check_keys().unwrap_err()));
    // Erasing needs no key: a tenant that withholds it can still be erased.
    vault.erase(organisation(1), "usr_9").unwrap();
    withheld.store(false, Ordering::SeqCst);
    assert_eq!(vault.get(organisation(1), "usr_1").unwrap().unwrap(), PLAIN);
    assert_eq!(vault.check_keys(), Ok(1));
}

#[test]
fn a_moved_or_changed_record_does_not_open() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    for (tenant, subject) in [(1, "usr_1"), (1, "usr_2"), (2, "usr_3")] {
        vault.put(organisation(tenant), subject, PLAIN, &[]).unwrap();
    }
    let edit = |sql: &str| {
        let connection = Connection::open(scratch.path().join(VAULT_FILE)).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    let damaged = |tenant, subject| {
        matches!(vault.get(organisation(tenant), subject), Err(VaultError::Damaged { .. }))
    };
    edit(
        "UPDATE record SET sealed = (SELECT sealed FROM record WHERE subject = 'usr_2')
          WHERE subject = 'usr_1'",
    );
    assert!(damaged(1, "usr_1"));
    edit("UPDATE record SET version = 2 WHERE subject = 'usr_2'");
    assert!(damaged(1, "usr_2"));
    edit("UPDATE record SET sealed = substr(sealed, 1, 20) WHERE subject = 'usr_3'");
    assert!(damaged(2, "usr_3"));
    // Another tenant's key in this one's place does not even unwrap.
    vault.put(organisation(1), "usr_4", PLAIN, &[]).unwrap();
    let (one, two) = (organisation(1), organisation(2));
    edit(&format!(
        "UPDATE tenant_key SET wrapped = (SELECT wrapped FROM tenant_key WHERE tenant = '{two}')
         WHERE tenant = '{one}'"
    ));
    assert!(matches!(vault.get(one, "usr_4"), Err(VaultError::Key { .. })));
}

#[test]
fn a_rotated_key_opens_everything_and_the_former_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    vault.put(organisation(1), "usr_1", PLAIN, &[]).unwrap();
    vault.put(Tenant::Platform, "usr_2", PLAIN, &[]).unwrap();
    assert_eq!(vault.rotate(key('2')).unwrap(), 2);
    assert_eq!(vault.get(organisation(1), "usr_1").unwrap().unwrap(), PLAIN);
    drop(vault);
    let former = open(scratch.path()).get(organisation(1), "usr_1").unwrap_err();
    let is_other = matches!(former, VaultError::Key { source: KeyError::Other { .. }, .. });
    assert!(is_other, "{former}");
    let present = Vault::open(scratch.path(), key('2')).unwrap();
    assert_eq!(present.get(Tenant::Platform, "usr_2").unwrap().unwrap(), PLAIN);
    assert_eq!(present.summary().unwrap().key_ids.len(), 1);
    drop(present);
    // Of a folder: only while nobody uses it.
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let dir = folder.path().to_owned();
    open(&dir).put(organisation(1), "usr_1", PLAIN, &[]).unwrap();
    assert!(rotate_folder(&dir, key('1'), key('2')).unwrap_err().to_string().contains("uses"));
    folder.close().unwrap();
    assert_eq!(rotate_folder(&dir, key('1'), key('2')).unwrap(), 1);
    let present = Vault::open(&dir, key('2')).unwrap();
    present.put(Tenant::Platform, "usr_2", PLAIN, &[]).unwrap();
    // A refused rotation changes nothing.
    let service = Service { key: key('3'), withheld: Arc::new(AtomicBool::new(true)) };
    assert!(present.rotate(Box::new(service)).is_err());
    assert_eq!(present.get(Tenant::Platform, "usr_2").unwrap().unwrap(), PLAIN);
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join(KEK_FILE);
    let made = file_key(&file, scratch.path()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = file_key(&file, scratch.path()).unwrap();
    assert_eq!(made.id(), again.id());
    Vault::open(scratch.path(), Box::new(made))
        .unwrap()
        .put(organisation(1), "a", b"b", &[])
        .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = file_key(&file, scratch.path()).unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
    fs::remove_file(&file).unwrap();
    let refused = file_key(&file, scratch.path()).unwrap_err().to_string();
    assert!(refused.contains("bring it back"), "{refused}");
    assert!(!file.exists(), "no new key for old data");
    // The two spellings of one key are one key.
    let base64 = "ERERERERERERERERERERERERERERERERERERERERERE=";
    assert_eq!(text_key(base64, "t").unwrap().id(), key('1').id());
    for bad in ["", "1111", &"g".repeat(64), "ERERERER"] {
        assert!(text_key(bad, "t").is_err(), "{bad}");
    }
}

#[test]
fn a_backup_holds_the_vault_sealed_and_not_its_key() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let key = file_key(&folder.path().join(KEK_FILE), folder.path()).unwrap();
    let vault = Vault::open(folder.path(), Box::new(key)).unwrap();
    vault.put(organisation(1), "usr_1", PLAIN, &[]).unwrap();
    let (to, back) = (scratch.path().join("backup"), scratch.path().join("back"));
    backup(folder.path(), &to).unwrap();
    restore(&to, &back).unwrap();
    assert!(!to.join(KEK_FILE).exists() && !back.join(KEK_FILE).exists());
    assert!(files_with(&back, PLAIN).is_empty());
    let key = file_key(&folder.path().join(KEK_FILE), &back).unwrap();
    let restored = Vault::open(&back, Box::new(key)).unwrap();
    assert_eq!(restored.get(organisation(1), "usr_1").unwrap().unwrap(), PLAIN);
}

#[test]
fn limits_are_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let vault = open(scratch.path());
    let limited = |result| matches!(result, Err(VaultError::Limit { .. }));
    assert!(limited(vault.put(organisation(1), "s", &vec![0; 64 * 1024 + 1], &[])));
    assert!(limited(vault.put(organisation(1), &"s".repeat(513), b"", &[])));
    assert!(limited(vault.put(organisation(1), "s", b"", &[("p", "v"); 17])));
    vault.put(organisation(1), "s", &vec![0; 64 * 1024], &[]).unwrap();
}

#[test]
fn content_opens_in_its_place_and_under_its_subject_only() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    let key = vault.content_key(organisation(1), "prj_a").unwrap();
    let sealed = key.seal("file 1", PLAIN).unwrap();
    assert!(!sealed.windows(8).any(|part| part == &PLAIN[..8]), "it is sealed");
    // The same key after a restart; one of its own for everybody else.
    drop(vault);
    let vault = open(dir.path());
    let again = vault.content_key(organisation(1), "prj_a").unwrap();
    assert_eq!(again.open("file 1", &sealed).unwrap(), PLAIN);
    let damaged = |result: Result<Vec<u8>, VaultError>| {
        assert!(matches!(result, Err(VaultError::Damaged { .. })), "{result:?}");
    };
    damaged(again.open("file 2", &sealed));
    damaged(vault.content_key(organisation(1), "prj_b").unwrap().open("file 1", &sealed));
    damaged(vault.content_key(organisation(2), "prj_a").unwrap().open("file 1", &sealed));
    damaged(again.open("file 1", &sealed[..10]));
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    damaged(again.open("file 1", &changed));
}

#[test]
fn content_ends_with_its_record_and_with_its_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    let sealed = vault.content_key(organisation(1), "prj_a").unwrap().seal("f", PLAIN).unwrap();
    vault.erase(organisation(1), "prj_a").unwrap();
    let fresh = vault.content_key(organisation(1), "prj_a").unwrap();
    assert!(fresh.open("f", &sealed).is_err(), "the key of before is gone");
    vault.destroy_tenant(organisation(1)).unwrap();
    let refused = vault.content_key(organisation(1), "prj_a");
    assert!(matches!(refused, Err(VaultError::Destroyed { .. })), "{refused:?}");
}
