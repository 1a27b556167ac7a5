//! From the words of a line to a kernel command about data that goes: consent, lineage, erasures,
//! transfers, egress.

use kernel::{
    Command, Event, State, dataset,
    erasure::{self, Destroyed, SwitchDays, Target},
    model::Artefact,
    organisation, project, transfer, usage,
};
use units::{Bytes, DataClass, Id, Name, kinds};

use super::{args::Args, build::digest_of, names};

/// The command of a line whose verb is one of these: `training ORG yes`, `captured ORG/PROJECT NAME`,
/// `derived ORG/PROJECT NAME from=NAME`, `erase org ORG switch=59,30,30`, `erase dataset ORG/PROJECT
/// NAME`, `erase versions ORG/PROJECT NAME 2` (up to it), `erase-begin`, `erase-done`, `erase-cancel` (the last one asked for), `transfer NAME`,
/// `admit-project ORG NAME`, `transfer-finish ORG`, `egress ORG/PROJECT switch`.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    Ok(match verb {
        "training" => {
            let id = names::organisation(state, &args.word::<String>("an organisation")?)?;
            let allowed = args.word::<String>("`yes` or `no`")? == "yes";
            Command::Organisation(organisation::Command::AllowTraining { id, allowed })
        }
        "captured" => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            let (name, class) = (args.word("a name")?, DataClass::Internal);
            Command::Dataset(dataset::Command::CreateCaptured { project, name, class })
        }
        "derived" => derived(state, args)?,
        "erase" => erase(state, args)?,
        "erase-begin" | "erase-done" | "erase-cancel" => {
            let id = state.erasures.keys().last().copied().ok_or("nothing was asked for")?;
            Command::Erasure(match verb {
                "erase-begin" => erasure::Command::Begin { id },
                "erase-cancel" => erasure::Command::Cancel { id },
                _ => {
                    let destroyed =
                        Destroyed { blobs: 1, bytes: Bytes(10), ..Destroyed::default() };
                    erasure::Command::Complete { id, destroyed, list: digest_of("list") }
                }
            })
        }
        "egress" => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            let purpose = match args.word::<String>("`switch` or `parallel`")?.as_str() {
                "switch" => usage::EgressPurpose::Switch,
                _ => usage::EgressPurpose::Parallel,
            };
            let size = Bytes(1 << 30);
            Command::Usage(usage::Command::RecordEgress { project, purpose, size })
        }
        _ => transfer(state, verb, args)?,
    })
}

fn derived(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let id = dataset_of(state, project, &args.word("a name")?)?;
    let parent: Name = args.maybe("from")?.ok_or("`from=` names a dataset")?;
    let parent = Artefact::Dataset { id: dataset_of(state, project, &parent)?, version: 1 };
    let version = dataset::NewVersion {
        id,
        manifest: digest_of(&args.option("content", "derived".to_owned())?),
        files: 1,
        size: Bytes(1_000),
        source: "scenario".to_owned(),
    };
    Ok(Command::Dataset(dataset::Command::AddDerived { version, parents: vec![parent] }))
}

pub(super) fn dataset_of(
    state: &State,
    project: Id<kinds::Project>,
    name: &Name,
) -> Result<Id<kinds::Dataset>, String> {
    state.dataset_by_name(project, name).ok_or_else(|| format!("dataset `{name}` does not exist"))
}

fn erase(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let target = match args.word::<String>("`org` or `dataset`")?.as_str() {
        "org" => Target::Organisation(names::organisation(
            state,
            &args.word::<String>("an organisation")?,
        )?),
        "versions" => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            let dataset = dataset_of(state, project, &args.word("a name")?)?;
            Target::Versions { dataset, through: args.word("the last version that goes")? }
        }
        _ => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            Target::Dataset(dataset_of(state, project, &args.word("a name")?)?)
        }
    };
    let switch = args.list::<u64>("switch")?.map(|days| {
        let day = |at: usize| days.get(at).copied().unwrap_or(0);
        SwitchDays { notice: day(0), transition: day(1), retrieval: day(2) }
    });
    Ok(Command::Erasure(erasure::Command::Request { target, switch }))
}

/// An organisation from elsewhere has an id that no other run of the scenario has given it.
fn transfer(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let name: Name = args.word("an organisation")?;
    Ok(Command::Transfer(match verb {
        "transfer" => transfer::Command::Begin {
            organisation: Id::from_parts(1_700_000_000_000, [1; 10]),
            name,
            origin: "cocarde.local/elsewhere".to_owned(),
            digest: digest_of("export"),
        },
        "transfer-finish" => {
            let organisation = names::organisation(state, name.as_str())?;
            transfer::Command::Finish { organisation }
        }
        _ => {
            let organisation = names::organisation(state, name.as_str())?;
            let id = Id::from_parts(1_700_000_000_000, [2; 10]);
            let name = args.word("a name")?;
            let item = project::Event::Created { id, organisation, name };
            transfer::Command::Admit { organisation, item: Box::new(Event::Project(item)) }
        }
    }))
}

/// `course ORG NAME`, `enrol NAME USER teacher`, `course-close NAME`.
pub(super) fn course(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    if verb == "course" {
        let organisation = names::organisation(state, &args.word::<String>("an organisation")?)?;
        let ends_at = state.last_at.plus(units::DurationMicros::from_secs(30 * 86_400));
        let terms = kernel::course::Terms {
            ends_at,
            budget: args.maybe("budget")?,
            allowances: args.maybe("allowance")?.into_iter().collect(),
            quota: args.maybe("class")?.map(|class| (class, kernel::quota::Milli(500))),
        };
        let name = args.word("a name")?;
        let create = kernel::course::Command::Create { organisation, name, terms };
        return Ok(Command::Course(create));
    }
    let name: Name = args.word("a course")?;
    let found = state.courses.values().find(|course| course.name == name).map(|course| course.id);
    let id = found.ok_or_else(|| format!("course `{name}` does not exist"))?;
    if verb == "course-close" {
        return Ok(Command::Course(kernel::course::Command::Close { id }));
    }
    let user = super::identity::user_id(&args.word::<String>("a user")?);
    let part = match args.optional_word() {
        Some("teacher") => kernel::course::Part::Teacher,
        _ => kernel::course::Part::Student,
    };
    Ok(Command::Course(kernel::course::Command::Enrol { id, user, part }))
}
