//! The packer against a scan, and what taking, giving back and readiness do.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::NodeIdx;
use crate::frag::node::NodeState;
use crate::frag::ranking::UNFIT;
use crate::frag::scorer::Scorer;
use crate::frag::{Choice, Gpus, Mix, Model, Models, Need, NodeSpec, Packer, Policy, Refusal};

use super::{RANKED, mix, need, node, share, whole};

fn gpus() -> impl Strategy<Value = Gpus> {
    prop_oneof![
        Just(Gpus::None),
        prop::sample::select(vec![100_u16, 160, 320, 470, 500, 650, 810]).prop_map(share),
        (1_u8..5).prop_map(whole),
    ]
}

fn needs() -> impl Strategy<Value = Need> {
    (1_u32..20, gpus(), prop::option::weighted(0.2, 0_u8..3)).prop_map(|(cores, gpus, model)| {
        let models = model.map_or(Models::ANY, |model| Models::NONE.with(Model(model)));
        Need { models, ..need(cores, gpus) }
    })
}

fn fleets() -> impl Strategy<Value = Vec<NodeSpec>> {
    let one =
        (8_u32..64, 0_u8..9, 0_u8..3).prop_map(|(cores, gpus, model)| node(cores, gpus, model));
    prop::collection::vec(one, 1..12)
}

#[derive(Debug, Clone)]
enum Step {
    Place(Need),
    GiveBack(usize),
    Ready(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => needs().prop_map(Step::Place),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::GiveBack(at.index(1_000))),
        1 => (0_usize..12, any::<bool>()).prop_map(|(node, ready)| Step::Ready(node, ready)),
    ];
    prop::collection::vec(step, 1..60)
}

/// The first node of the highest key, found by looking at all.
fn scan(packer: &Packer, scorer: &Scorer, nodes: usize, need: &Need) -> Option<(i64, NodeIdx)> {
    let all = (0..u32::try_from(nodes).unwrap()).map(NodeIdx);
    let fitting = all.filter_map(|at| {
        let state = packer.node(at)?;
        let fits = state.is_ready() && state.fits(need);
        fits.then(|| (scorer.score(state, scorer.now(state), need).0, at))
    });
    fitting.min_by_key(|(key, at)| (std::cmp::Reverse(*key), *at))
}

proptest! {
    #[test]
    fn a_choice_is_what_a_scan_gives(
        fleet in fleets(),
        known in prop::collection::vec((needs(), 1_u32..50), 1..8),
        steps in steps(),
        policy in prop::sample::select(RANKED.to_vec()),
    ) {
        let mix = mix(&known);
        let scorer = Scorer::new(&fleet, &mix, policy);
        let mut packer = Packer::new(&fleet, &mix, policy);
        let mut running: Vec<(Need, Choice)> = Vec::new();
        for step in &steps {
            match step {
                Step::Place(need) => {
                    let best = scan(&packer, &scorer, fleet.len(), need);
                    let choice = packer.choose(need);
                    prop_assert_eq!(choice.map(|c| c.node), best.map(|(_, at)| at));
                    prop_assert!(best.is_none_or(|(key, _)| key > UNFIT));
                    if let Some(choice) = choice {
                        prop_assert_eq!(packer.take(need, choice), Ok(()));
                        running.push((*need, choice));
                    }
                }
                Step::GiveBack(at) if !running.is_empty() => {
                    let (need, choice) = running.swap_remove(at % running.len());
                    prop_assert_eq!(packer.release(&need, choice), Ok(()));
                }
                Step::GiveBack(_) => {}
                Step::Ready(node, ready) => {
                    let known = *node < fleet.len();
                    let node = NodeIdx(u32::try_from(*node).unwrap());
                    prop_assert_eq!(packer.set_ready(node, *ready).is_ok(), known);
                }
            }
        }
        // Everything given back is as if nothing had happened.
        for (need, choice) in running {
            prop_assert_eq!(packer.release(&need, choice), Ok(()));
        }
        let fresh = Packer::new(&fleet, &mix, policy);
        prop_assert_eq!(packer.fragmentation(), fresh.fragmentation());
        for (at, spec) in fleet.iter().enumerate() {
            let state = packer.node(NodeIdx(u32::try_from(at).unwrap())).unwrap();
            prop_assert_eq!(state.cpu_free_milli(), spec.cpu_milli);
            prop_assert_eq!(state.free_milli(), i64::from(spec.gpus) * 1_000);
        }
    }

    #[test]
    fn random_places_whatever_fits(
        fleet in fleets(),
        asked in prop::collection::vec(needs(), 1..40),
    ) {
        let mut packer = Packer::new(&fleet, &Mix::default(), Policy::Random { seed: 7 });
        for need in asked {
            let fits = (0..fleet.len()).any(|at| {
                let node = packer.node(NodeIdx(u32::try_from(at).unwrap()));
                node.is_some_and(|node| node.fits(&need))
            });
            let choice = packer.choose(&need);
            prop_assert_eq!(choice.is_some(), fits);
            if let Some(choice) = choice {
                prop_assert_eq!(packer.take(&need, choice), Ok(()));
            }
        }
    }
}

#[test]
fn random_reaches_every_node_and_repeats_with_its_seed() {
    let fleet = vec![node(64, 4, 0); 20];
    let draw = |seed| {
        let mut packer = Packer::new(&fleet, &Mix::default(), Policy::Random { seed });
        (0..400).filter_map(|_| packer.choose(&need(1, share(300)))).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_eq!(draw(1).iter().map(|choice| choice.node).collect::<BTreeSet<_>>().len(), 20);
}

#[test]
fn changes_survive_being_compacted() {
    let fleet = vec![node(64, 4, 0); 3];
    let known = mix(&[(need(4, share(470)), 1), (need(8, whole(1)), 2)]);
    let mut packer = Packer::new(&fleet, &known, Policy::Worth);
    let (small, large) = (need(4, share(470)), need(8, whole(1)));
    let first = packer.choose(&small).unwrap();
    for _ in 0..2_000 {
        let choice = packer.choose(&large).unwrap();
        packer.take(&large, choice).unwrap();
        packer.release(&large, choice).unwrap();
    }
    assert_eq!(packer.choose(&small), Some(first));
    packer.set_ready(first.node, false).unwrap();
    assert_ne!(packer.choose(&small).unwrap().node, first.node);
}

#[test]
fn a_new_mix_changes_the_choice() {
    // GPUs of the second node's model are what the work insists on, so others keep off them.
    let fleet = [node(16, 1, 1), node(64, 8, 0)];
    let free = need(4, whole(1));
    let picky = Need { models: Models::NONE.with(Model(1)), ..free };
    let mut packer = Packer::new(&fleet, &mix(&[(free, 1)]), Policy::Worth);
    assert_eq!(packer.choose(&free).unwrap().node, NodeIdx(0));
    packer.learn(&mix(&[(free, 1), (picky, 1)]));
    assert_eq!(packer.choose(&free).unwrap().node, NodeIdx(1));
    assert_eq!(packer.choose(&picky).unwrap().node, NodeIdx(0));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut packer = Packer::new(&[node(8, 1, 0)], &Mix::default(), Policy::BestFit);
    let asked = need(4, share(600));
    let choice = packer.choose(&asked).unwrap();
    let elsewhere = Choice { node: NodeIdx(3), ..choice };
    assert_eq!(packer.take(&asked, elsewhere), Err(Refusal::NoSuchNode(NodeIdx(3))));
    assert_eq!(packer.release(&asked, choice), Err(Refusal::NotTaken(NodeIdx(0))));
    packer.take(&asked, choice).unwrap();
    assert_eq!(packer.take(&asked, choice), Err(Refusal::DoesNotFit(NodeIdx(0))));
    assert_eq!(packer.choose(&asked), None);
    let node: &NodeState = packer.node(NodeIdx(0)).unwrap();
    assert_eq!((node.cpu_free_milli(), node.gpus_free_milli()), (4_000, &[400][..]));
    assert!(Refusal::DoesNotFit(NodeIdx(0)).to_string().contains("choose again"));
}

#[test]
fn the_mix_counts_and_cuts() {
    let (often, rare) = (need(4, share(470)), need(8, whole(8)));
    let work = std::iter::repeat_n(often, 96).chain(std::iter::repeat_n(rare, 4));
    let mix = Mix::of(work, 95);
    assert_eq!(mix.classes().len(), 2);
    assert_eq!(mix.typical().len(), 1);
    assert_eq!(
        mix.typical().first().map(|class| (class.count, class.need.gpus)),
        Some((96, share(470)))
    );
    assert_eq!(Mix::of(std::iter::empty(), 95), Mix::default());
}
