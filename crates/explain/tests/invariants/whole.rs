//! What holds for every method: batches, chunks, seeds, maps on the way, cancelling.

use innspect_engine::{EngineError, Pacer};
use innspect_explain::{ExplainError, Monitor, Outcome, methods, quality};
use innspect_protocol::{Check, ExplainSpec, MethodInfo, Params};

use crate::common::{
    Numbers, Run, assert_alike, deviation, given, on_both, over_channels, picture, plain, quick, read, run, spec,
};

#[test]
fn invariant_27_a_batch_is_its_single_pictures() {
    on_both(|device| {
        let others = Numbers(23).take(2 * 432, 1.0);
        let batch = run(plain(true), &picture(3), device).with_pictures(&others);
        let singles: Vec<Run> =
            picture(3).chunks(432).map(|picture| run(plain(true), picture, device).with_pictures(&others)).collect();
        for method in methods() {
            let spec = spec(&method.id, quick(&method));
            let together = batch.map_of(&spec);
            let size = together.len() / 3;
            for (sample, alone) in singles.iter().enumerate() {
                let error = deviation(&together[sample * size..][..size], &alone.map_of(&spec));
                // The regression of a mask method sees scores that differ in their last digit.
                let tolerance = if method.steps { 1e-4 } else { 1e-5 };
                assert!(error < tolerance, "{}, sample {sample}: {error:e}", method.id);
            }
        }
    });
}

/// Five other pictures for methods that need some.
fn prepared(device: &innspect_engine::Device) -> Run {
    run(plain(true), &picture(1), device).with_pictures(&Numbers(23).take(5 * 432, 1.0))
}

/// [`quick`] with another number of samples.
fn with_samples(method: &MethodInfo, samples: &str) -> Params {
    let mut params = quick(method);
    if params.contains_key("samples") {
        params.extend(given(&[("samples", samples)]));
    }
    params
}

#[test]
fn results_do_not_depend_on_the_memory_budget() {
    on_both(|device| {
        let mut run = prepared(device);
        for method in methods().iter().filter(|method| method.steps) {
            let spec = spec(&method.id, with_samples(method, "20"));
            run.setting.budget = innspect_explain::BUDGET;
            let together = run.map_of(&spec);
            run.setting.budget = 1;
            let one_by_one = run.map_of(&spec);
            assert_alike(&method.id, &one_by_one, &together, 1e-5);
        }
    });
}

#[test]
fn the_seed_decides_every_draw() {
    on_both(|device| {
        let run = prepared(device);
        for method in methods() {
            // Five pictures of five are all of them, whatever the seed.
            let samples = if method.id == "prediction_difference" { "1" } else { "12" };
            let of = |seed| run.ask(&ExplainSpec { seed, ..spec(&method.id, with_samples(&method, samples)) });
            let (first, again) = (of(1), of(1));
            let map = read(&first.attribution);
            assert_eq!(map, read(&again.attribution), "{}", method.id);
            assert_eq!(first.seed, method.draws.then_some(1), "{}", method.id);
            let others = if method.draws { 2..5 } else { 2..3 };
            let different = others.clone().filter(|&seed| deviation(&read(&of(seed).attribution), &map) > 1e-3).count();
            match method.id.as_str() {
                // One picture of five, which may be the same one.
                "prediction_difference" => assert!(different > 0),
                _ if method.draws => assert_eq!(different, others.count(), "{}", method.id),
                _ => assert_eq!(different, 0, "{}", method.id),
            }
        }
    });
}

#[test]
fn a_random_baseline_is_a_draw_too() {
    on_both(|device| {
        let run = prepared(device);
        let of = |seed| run.ask(&ExplainSpec { seed, ..spec("deep_lift.rescale", given(&[("baseline", "noise")])) });
        assert_eq!(read(&of(1).attribution), read(&of(1).attribution));
        assert!(deviation(&read(&of(2).attribution), &read(&of(1).attribution)) > 1e-3);
        assert_eq!(of(2).seed, Some(2), "a result says what it depends on");
    });
}

/// Keeps what it is shown, and stops when told to.
#[derive(Default)]
struct Watch {
    wants: bool,
    /// Maps with the steps done and all steps.
    maps: Vec<(Vec<f32>, usize, usize)>,
    /// Progress as a share, in order.
    shares: Vec<f64>,
    stop_at_pace: Option<usize>,
    stop_at_map: bool,
    after: usize,
}

impl Watch {
    fn stopped(&self) -> bool {
        self.stop_at_pace.is_some_and(|limit| self.shares.len() > limit) || (self.stop_at_map && !self.maps.is_empty())
    }
}

impl Pacer for Watch {
    async fn pace(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        self.after += usize::from(self.stopped());
        self.shares.push(done as f64 / total as f64);
        if self.stopped() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

impl Monitor for Watch {
    fn wants_map(&mut self) -> bool {
        self.wants
    }

    async fn show(&mut self, so_far: &Outcome, done: usize, total: usize) -> Result<(), EngineError> {
        self.maps.push((so_far.attribution.read().await?, done, total));
        if self.stopped() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

#[test]
fn maps_on_the_way_approach_the_result() {
    on_both(|device| {
        let mut run = prepared(device);
        run.setting.budget = 1;
        for method in methods() {
            let spec = spec(&method.id, with_samples(&method, "64"));
            let mut watch = Watch { wants: true, ..Watch::default() };
            let outcome = run.watched(&spec, &mut watch).unwrap();
            let map = read(&outcome.attribution);
            assert_eq!(map, run.map_of(&spec), "{}: watching changes nothing", method.id);
            assert_eq!(watch.maps.is_empty(), !method.steps, "{}", method.id);
            let steps: Vec<usize> = watch.maps.iter().map(|(_, done, _)| *done).collect();
            assert!(steps.is_sorted_by(|a, b| a < b), "{}: {steps:?}", method.id);
            assert!(watch.maps.iter().all(|(_, done, total)| done < total && *total == watch.maps[0].2));
            let errors: Vec<f32> = watch.maps.iter().map(|(so_far, ..)| deviation(so_far, &map)).collect();
            if let [first, .., last] = errors[..] {
                println!("{}: {} maps on the way, off by {first:.2} … {last:.2}", method.id, errors.len());
                assert!(last < first && last < 0.6, "{}: {errors:?}", method.id);
            }
        }
        let mut watch = Watch { wants: true, ..Watch::default() };
        let spec = spec("integrated_gradients", given(&[("steps", "64"), ("baseline", "zero")]));
        let map = read(&run.watched(&spec, &mut watch).unwrap().attribution);
        assert_eq!(watch.maps.iter().map(|(_, done, _)| *done).collect::<Vec<_>>(), (1..64).collect::<Vec<_>>());
        let last = &watch.maps[62].0;
        assert_alike("the last map before the result", last, &map, 0.03);
        // The mean of 63 of 64 points: what is missing is the gradient in the middle of the last part.
        let last_point: Vec<f32> = picture(1).iter().map(|x| x * (63.5 / 64.0)).collect();
        let gradient = crate::common::run(plain(true), &last_point, device)
            .map_of(&ExplainSpec { class: Some(run.best()), ..crate::common::spec("gradient", given(&[])) });
        let expected: Vec<f32> =
            last.iter().zip(picture(1)).zip(&gradient).map(|((last, x), g)| (63.0 * last + x * g) / 64.0).collect();
        assert_alike("the last map and the missing point", &expected, &map, 1e-5);
    });
}

#[test]
fn maps_are_only_made_where_they_are_wanted() {
    let run = prepared(&innspect_engine::Device::cpu());
    let mut watch = Watch::default();
    run.watched(&spec("integrated_gradients", given(&[])), &mut watch).unwrap();
    assert!(watch.maps.is_empty() && !watch.shares.is_empty());
    // A batch has no one map to show.
    let batch = crate::common::run(plain(true), &picture(2), &innspect_engine::Device::cpu());
    let mut watch = Watch { wants: true, ..Watch::default() };
    batch.watched(&spec("integrated_gradients", given(&[])), &mut watch).unwrap();
    assert!(watch.maps.is_empty());
}

#[test]
fn progress_never_goes_back() {
    let mut run = prepared(&innspect_engine::Device::cpu());
    run.setting.budget = 1;
    let check = |what: &str, watch: &Watch| {
        let shares = &watch.shares;
        assert!(shares.is_sorted(), "{what}: {shares:?}");
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{what}: {shares:?}");
        // A map of a layer needs the way back to that layer only.
        assert!(shares.last().is_none_or(|last| *last > 0.3), "{what}: {shares:?}");
    };
    for method in methods() {
        let mut watch = Watch::default();
        let outcome = run.watched(&spec(&method.id, quick(&method)), &mut watch).unwrap();
        check(&method.id, &watch);
        if method.id != "integrated_gradients" {
            continue;
        }
        let map = over_channels(&read(&outcome.attribution));
        for quality in Check::ALL {
            let mut watch = Watch::default();
            let spec = spec(&method.id, quick(&method));
            pollster::block_on(quality::assess(run.subject(), &spec, &map, quality, &mut watch)).unwrap();
            check(quality.id(), &watch);
            assert!(!watch.shares.is_empty());
        }
    }
}

#[test]
fn a_cancelled_explanation_stops_at_once() {
    on_both(|device| {
        let run = prepared(device);
        for method in methods() {
            let spec = spec(&method.id, quick(&method));
            let mut watch = Watch::default();
            run.watched(&spec, &mut watch).unwrap();
            let paces = watch.shares.len();
            // A layer's activation is there already.
            assert_eq!(paces == 0, ["activation", "eigen_cam"].contains(&method.id.as_str()), "{}", method.id);
            for limit in (0..paces).step_by((paces / 4).max(1)) {
                let mut watch = Watch { stop_at_pace: Some(limit), ..Watch::default() };
                let stopped = run.watched(&spec, &mut watch);
                assert_eq!(stopped.unwrap_err(), ExplainError::Engine(EngineError::Cancelled), "{}", method.id);
                assert_eq!((watch.shares.len(), watch.after), (limit + 1, 0), "{}: goes on", method.id);
            }
        }
        let mut run = run;
        run.setting.budget = 1;
        for method in methods().iter().filter(|method| method.steps) {
            let mut watch = Watch { wants: true, stop_at_map: true, ..Watch::default() };
            let stopped = run.watched(&spec(&method.id, with_samples(method, "64")), &mut watch);
            assert_eq!(stopped.unwrap_err(), ExplainError::Engine(EngineError::Cancelled), "{}", method.id);
            assert_eq!((watch.maps.len(), watch.after), (1, 0), "{}: goes on", method.id);
        }
    });
}
