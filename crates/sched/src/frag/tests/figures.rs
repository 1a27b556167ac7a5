//! The measure, the levels, the scores and the prices against figures worked out by hand or from
//! their formulas.

use crate::NodeIdx;
use crate::frag::measure::Measure;
use crate::frag::prices::Prices;
use crate::frag::stranding::Stranding;
use crate::frag::{Choice, Mix, Model, Models, Need, Packer, Policy, level};

use super::{mix, need, node, share, whole};

/// The definition, term by term.
fn fragmented(mix: &Mix, cpu_milli: u32, gpus: &[u16], model: Model) -> i64 {
    let free: i64 = gpus.iter().map(|&free| i64::from(free)).sum();
    mix.typical()
        .iter()
        .map(|class| {
            let Need { gpus: asked, models, .. } = class.need;
            let roomy = gpus.iter().filter(|&&free| free >= asked.milli_each());
            let runs = asked.count() > 0
                && models.has(model)
                && cpu_milli >= class.need.cpu_milli
                && roomy.clone().count() >= asked.count();
            let usable: i64 = if runs { roomy.map(|&free| i64::from(free)).sum() } else { 0 };
            (free - usable) * i64::from(class.count)
        })
        .sum()
}

#[test]
fn the_measure_is_the_definition() {
    let picky = Need { models: Models::NONE.with(Model(1)), ..need(4, share(300)) };
    let mix = mix(&[
        (need(8, share(500)), 7),
        (need(2, share(300)), 5),
        (picky, 3),
        (need(11, whole(1)), 4),
        (need(3, whole(1)), 2),
        (need(16, whole(2)), 1),
        (need(1, crate::frag::Gpus::None), 9),
    ]);
    let measure = Measure::new(mix.typical());
    for cores in [0, 1, 2, 3, 4, 8, 10, 11, 16, 40] {
        for gpus in [&[][..], &[0], &[299], &[300], &[500, 200], &[1_000], &[1_000, 1_000, 10]] {
            for model in [Model(0), Model(1), Model(70)] {
                let cpu = cores * 1_000;
                let expected = fragmented(&mix, cpu, gpus, model);
                assert_eq!(measure.fragmented(cpu, gpus, model), expected, "{cpu} {gpus:?}");
            }
        }
    }
}

#[test]
fn levels_are_the_sigmoid() {
    for counts in [1, 7, 8_152] {
        for milli in -8_000..=8_000_i32 {
            let formula = (100.0 / (1.0 + (-f64::from(milli) / 1_000.0).exp())).floor();
            let level = level(i64::from(milli) * counts, counts);
            assert!((formula - f64::from(i32::try_from(level).unwrap())).abs() < 0.5, "{milli}");
        }
    }
    assert_eq!((level(0, 5), level(-1, 5), level(1, 5)), (50, 49, 50));
    assert_eq!((level(i64::MAX, 1), level(i64::MIN, 1)), (99, 0));
}

#[test]
fn baselines_score_as_their_rules_say() {
    let best = |policy, asked: Need, nodes: &[crate::frag::NodeSpec], busy: &[(Need, u32)]| {
        let mut packer = Packer::new(nodes, &Mix::default(), policy);
        for (need, at) in busy {
            let spot = packer.node(NodeIdx(*at)).unwrap().tightest(need);
            packer.take(need, Choice { node: NodeIdx(*at), gpus: spot }).unwrap();
        }
        packer.choose(&asked).unwrap().node.0
    };
    let nodes = [node(96, 8, 0), node(64, 4, 0), node(64, 4, 0)];
    // Packing fills the GPU in use; clustering goes where its kind is; best fit to the least left.
    let busy = [(need(4, share(400)), 0), (need(4, whole(1)), 2)];
    assert_eq!(best(Policy::Packing, need(4, share(400)), &nodes, &busy), 0);
    assert_eq!(best(Policy::Packing, need(4, share(700)), &nodes, &busy), 0);
    assert_eq!(best(Policy::Packing, need(4, whole(1)), &nodes, &busy[1..]), 2);
    assert_eq!(best(Policy::Clustering, need(4, whole(1)), &nodes, &busy), 2);
    assert_eq!(best(Policy::Clustering, need(4, share(100)), &nodes, &busy), 0);
    assert_eq!(best(Policy::Clustering, need(4, whole(2)), &nodes, &busy), 1);
    assert_eq!(best(Policy::BestFit, need(4, whole(1)), &nodes, &busy), 2);
    assert_eq!(best(Policy::DotProduct, need(4, whole(3)), &nodes, &busy), 2);
}

#[test]
fn prices_are_the_shadow_prices_of_the_mix() {
    // 810 leaves room for nothing, so a GPU is worth 810 at the margin; two of 470 share it, and
    // what goes with 650 is worth the rest. Few ask 160, so the many rooms of 190 are worth
    // nothing.
    let classes = mix(&[
        (need(3, share(810)), 1_078),
        (need(8, whole(1)), 3_911),
        (need(8, share(470)), 750),
        (need(8, share(650)), 253),
        (need(4, share(320)), 600),
        (need(4, share(160)), 74),
    ]);
    let prices = Prices::new(classes.classes(), 6_212);
    let near = |room: u16, worth: i64| {
        assert!((prices.of(room) - worth).abs() <= 10, "{room}: {}", prices.of(room));
    };
    near(1_000, 810_000);
    near(810, 810_000);
    near(470, 405_000);
    near(350, 270_000);
    near(650, 540_000);
    near(190, 0);
    assert!((0..1_000).all(|room| prices.of(room) <= prices.of(room + 1)));
    // Nobody asks for GPUs: room is worth its size.
    assert_eq!(Prices::new(&[], 5).of(250), 250_000);
}

#[test]
fn stranding_grows_with_gpus_and_falls_with_processor() {
    let classes = mix(&[(need(12, whole(1)), 3), (need(4, share(500)), 2)]);
    let stranding = Stranding::new(classes.typical(), 96_000, 8);
    let at = |gpus: i64, cores: u32| stranding.expected(Model(0), gpus * 1_000_000, cores * 1_000);
    assert_eq!((at(0, 0), at(8, 0)), (0, 8_000_000));
    assert!(at(8, 96) < at(8, 60) && at(8, 60) < at(8, 20));
    assert!(at(1, 20) < at(2, 20) && at(2, 20) < at(4, 20));
    let between = stranding.expected(Model(0), 1_500_000, 10_000);
    assert!(at(1, 10) <= between && between <= at(2, 10));
}
