//! `cargo xtask montage`: every method on one built-in photo for the built-in networks as one picture, `docs/methods.jpg`.
//! The native command makes the maps, `tests/montage` the page that Chromium draws.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    command::{capture, command, innspect, run},
    places::Places,
    say, setup,
};

/// The photo: one animal with a clear outline, in the public domain.
const PHOTO: &str = "photos/scarlet_macaw.jpg";
/// Other photos of the catalogue, for methods that learn from some.
const OTHERS: usize = 8;
/// Methods whose defaults would take minutes a network, with what they are run with instead. All others share one run.
const SHORTER: [(&[&str], &[&str]); 5] = [
    (&["smoothgrad", "smoothgrad_squared", "vargrad"], &["samples=25"]),
    (&["prediction_difference"], &["stride=24", "samples=3"]),
    (&["lime", "rise"], &["samples=200"]),
    (&["kernel_shap"], &["segments=grid:6", "samples=300"]),
    (&["shapley_sampling"], &["samples=4"]),
];

/// Makes the maps, then the picture.
pub fn everything(places: &Places) -> Result<()> {
    setup::for_tests(places)?;
    let chromium = setup::chromium(places).context("no Chromium; set CHROMIUM to one")?;
    let program = innspect(places)?;
    let folder = places.root.join("target/montage");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let methods = capture(command(places, &program).args(["methods", "--json"]))?;
    let list = folder.join("methods.json");
    fs::write(&list, &methods).with_context(|| format!("cannot write {}", list.display()))?;
    let ids = texts(&serde_json::from_str(&methods)?, "id")?;
    let runs = runs(&ids)?;

    let models = places.root.join("models");
    let catalog = fs::read_to_string(models.join("catalog.json")).context("cannot read models/catalog.json")?;
    let catalog: Value = serde_json::from_str(&catalog).context("models/catalog.json is not JSON")?;
    let others: Vec<PathBuf> = texts(&catalog["photos"], "file")?
        .iter()
        .filter(|file| *file != PHOTO)
        .take(OTHERS)
        .map(|file| models.join(file))
        .collect();
    // Networks of a data set do not take photos.
    let photo_models: Vec<Value> = catalog["models"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|model| model["dataset"].is_null())
        .cloned()
        .collect();
    for network in texts(&photo_models.into(), "id")? {
        say::timed(format_args!("every method on {network}"), || {
            for (number, (methods, params)) in runs.iter().enumerate() {
                let mut explain = command(places, &program);
                explain.args(["explain", "--model", &network, "--method", &methods.join(",")]);
                explain.arg("--image").arg(models.join(PHOTO)).arg("--pictures").args(&others);
                explain.arg("--out").arg(folder.join(&network).join(number.to_string()));
                for param in *params {
                    explain.arg("--param").arg(param);
                }
                run(&mut explain)?;
            }
            Ok(())
        })?;
    }
    draw(places, &chromium, &folder, &models.join(PHOTO))
}

/// The page and its picture.
fn draw(places: &Places, chromium: &Path, folder: &Path, photo: &Path) -> Result<()> {
    let script = places.root.join("tests/montage/montage.mjs");
    let out = places.root.join("docs/methods.jpg");
    run(command(places, "node").env("CHROMIUM", chromium).arg(script).args([folder, photo, &out]))
}

/// Which methods run together, with which parameters: each method once.
fn runs(methods: &[String]) -> Result<Vec<(Vec<&str>, &'static [&'static str])>> {
    let shorter: Vec<&str> = SHORTER.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
    if let Some(gone) = shorter.iter().find(|id| !methods.iter().any(|method| method == *id)) {
        bail!("there is no method {gone}: change SHORTER in montage.rs");
    }
    let rest: Vec<&str> = methods.iter().map(String::as_str).filter(|id| !shorter.contains(id)).collect();
    let own = SHORTER.iter().map(|(ids, params)| (ids.to_vec(), *params));
    Ok([(rest, &[] as &[&str])].into_iter().chain(own).collect())
}

/// One text of each entry of a list.
fn texts(list: &Value, name: &str) -> Result<Vec<String>> {
    let texts: Option<Vec<String>> =
        list.as_array().and_then(|list| list.iter().map(|entry| Some(entry[name].as_str()?.to_owned())).collect());
    texts.filter(|texts| !texts.is_empty()).with_context(|| format!("a list of entries with {name:?} was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_runs_once() {
        let shorter = SHORTER.iter().flat_map(|(ids, _)| ids.iter().copied());
        let methods: Vec<String> = ["gradient", "lrp.z"].into_iter().chain(shorter).map(str::to_owned).collect();
        let runs = runs(&methods).expect("all are known");
        assert_eq!(runs[0], (vec!["gradient", "lrp.z"], &[] as &[&str]));
        let mut all: Vec<&str> = runs.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
        let mut expected: Vec<&str> = methods.iter().map(String::as_str).collect();
        all.sort_unstable();
        expected.sort_unstable();
        assert_eq!(all, expected);
        assert!(super::runs(&["gradient".to_owned()]).is_err());
    }

    #[test]
    fn texts_come_from_lists_of_entries() {
        let list: Value = serde_json::json!([{ "id": "a" }, { "id": "b" }]);
        assert_eq!(texts(&list, "id").expect("both have one"), ["a", "b"]);
        assert!(texts(&list, "file").is_err() && texts(&list["none"], "id").is_err());
    }
}
