//! A course from its roster to its end, through commands.

use units::{Allowance, Digest, Id, MicroEuro, UnixMicros, kinds};

use super::*;
use crate::{
    access::Role,
    binding::Principal,
    course::{self, Part, Terms},
    quota::{Class, Milli, Owner},
    user,
};

impl World {
    fn person(&mut self, home: Id<kinds::Organisation>, n: u8) -> Id<kinds::User> {
        let id = Id::from_bytes([n; 16]);
        let (home, commitment) = (Some(home), Digest([n; 32]));
        self.run(Command::User(user::Command::Create { id, home, commitment })).unwrap();
        id
    }

    fn course(&mut self, organisation: Id<kinds::Organisation>, name: &str) -> Id<kinds::Course> {
        let terms = Terms {
            ends_at: UnixMicros(self.now().0 + 30 * 86_400 * 1_000_000),
            budget: Some(MicroEuro(20_000_000)),
            allowances: vec![],
            quota: Some(("H200".parse::<Class>().unwrap(), Milli(1_000))),
        };
        let name = name.parse().unwrap();
        let create = course::Command::Create { organisation, name, terms };
        match self.subject(Command::Course(create)) {
            Subject::Course(id) => id,
            other => panic!("{other}"),
        }
    }

    fn enrol(
        &mut self,
        id: Id<kinds::Course>,
        user: Id<kinds::User>,
        part: Part,
    ) -> Result<Vec<Event>, Reject> {
        self.run(Command::Course(course::Command::Enrol { id, user, part }))
    }
}

fn roles(world: &World, user: Id<kinds::User>) -> usize {
    world.state.bindings_of(Principal::User(user)).count()
}

#[test]
fn a_student_has_a_project_a_budget_and_a_quota_and_loses_them_at_the_end() {
    let mut world = World::new();
    let school = world.organisation("school");
    let (teacher, student, late) =
        (world.person(school, 1), world.person(school, 2), world.person(school, 3));
    let id = world.course(school, "nlp-2026");
    world.enrol(id, teacher, Part::Teacher).unwrap();
    world.enrol(id, student, Part::Student).unwrap();
    assert_eq!(world.enrol(id, student, Part::Student).unwrap(), vec![], "once is enough");
    let course = world.state.courses[&id].clone();
    let project = course.students[&student];
    assert_eq!(world.state.projects[&project].name.as_str(), "nlp-2026-001");
    assert_eq!(
        world.state.budgets_of(crate::budget::Owner::Project(project)).next().unwrap().terms.limit,
        Allowance::Money(MicroEuro(20_000_000))
    );
    assert_eq!(world.state.quotas_of(Owner::Project(project)).count(), 1);
    assert_eq!((roles(&world, teacher), roles(&world, student)), (2, 1));
    let given = world.state.bindings_of(Principal::User(student)).next().unwrap();
    assert_eq!(given.role, crate::binding::Role::BuiltIn(Role::Student));
    assert_eq!(given.expires_at, Some(course.terms.ends_at));
    // Work runs and waits; a key of the project is somebody's.
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    let running = world.submit_job(project, job("runs")).unwrap();
    world.schedule();
    let waiting = world.submit_job(project, job("waits")).unwrap();
    world.run(Command::Course(course::Command::Close { id })).unwrap();
    assert_eq!((world.phase(running), world.phase(waiting)), ("stopping", "stopped"));
    assert_eq!((roles(&world, teacher), roles(&world, student)), (0, 0));
    assert_eq!(world.state.quotas_of(Owner::Project(project)).count(), 0);
    assert_eq!(world.run(Command::Course(course::Command::Close { id })).unwrap(), vec![]);
    let refused = world.enrol(id, late, Part::Student);
    assert!(matches!(refused, Err(Reject::WrongState { .. })));
    assert!(world.state.projects.contains_key(&project), "what was made stays");
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_course_takes_only_its_organisations_people_and_keeps_its_promises() {
    let mut world = World::new();
    let (school, other) = (world.organisation("school"), world.organisation("other"));
    let stranger = world.person(other, 1);
    let id = world.course(school, "nlp");
    assert!(matches!(world.enrol(id, stranger, Part::Student), Err(Reject::NotFound { .. })));
    // Two students fit the organisation's quota, the third does not.
    let terms =
        crate::quota::Terms { nominal: Milli(2_000), borrowing: None, lending: None, weight: 1 };
    let (owner, class) = (Owner::Organisation(school), "H200".parse().unwrap());
    let set = crate::quota::Command::Set { owner, class, terms };
    world.run(Command::Quota(set)).unwrap();
    for n in 2..4 {
        let student = world.person(school, n);
        world.enrol(id, student, Part::Student).unwrap();
    }
    let third = world.person(school, 4);
    assert!(matches!(world.enrol(id, third, Part::Student), Err(Reject::QuotaExceeded { .. })));
    let past = Terms { ends_at: UnixMicros(1), budget: None, allowances: vec![], quota: None };
    let create = |name: &str, terms: Terms| {
        let name = name.parse().unwrap();
        Command::Course(course::Command::Create { organisation: school, name, terms })
    };
    assert!(matches!(world.run(create("late", past.clone())), Err(Reject::Invalid { .. })));
    let terms = Terms { ends_at: UnixMicros(i64::MAX), ..past };
    assert!(matches!(world.run(create("nlp", terms)), Err(Reject::NameTaken { .. })));
    world.verify();
}
