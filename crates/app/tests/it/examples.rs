//! The files in `examples/`: each is read, valid, round-trips, and says what it needs.

use std::{collections::BTreeSet, fs};

use api::job_file::{JobFile, WorkloadKind};

use crate::repository;

/// Files named after the shape of the work and not after its type.
const SHAPES: [&str; 3] = ["gang", "array", "after"];

fn files() -> Vec<(String, JobFile)> {
    let folder = repository().join("examples");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let job = JobFile::parse(&fs::read(&path).unwrap());
            files.push((name.clone(), job.unwrap_or_else(|error| panic!("{name}: {error}"))));
        }
    }
    files
}

#[test]
fn every_type_has_its_example_and_each_is_valid() {
    let files = files();
    let kinds: BTreeSet<WorkloadKind> = files.iter().map(|(_, job)| job.kind).collect();
    assert_eq!(kinds, WorkloadKind::ALL.iter().copied().collect());
    for (name, job) in &files {
        let special = SHAPES.contains(&name.as_str());
        assert!(special || *name == job.kind.as_str(), "{name} is named after its type");
        let resolved = job.resolve().unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert!(
            resolved.gpus.first.count.0 == 0 && resolved.image.is_none(),
            "{name} runs on a laptop"
        );
        let again = JobFile::parse(resolved.to_file().to_yaml().unwrap().as_bytes()).unwrap();
        assert_eq!(again.resolve().unwrap(), resolved, "{name}");
    }
}

#[test]
fn every_example_round_trips() {
    for (name, job) in files() {
        let yaml = job.to_yaml().unwrap();
        assert_eq!(JobFile::parse(yaml.as_bytes()).unwrap(), job, "{name}");
    }
}

#[test]
fn the_readme_names_every_file() {
    let folder = repository().join("examples");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "{name}");
    }
}
