//! Where files that were given at once go: to the networks, to the pictures, or into a data set.
//!
//! The name alone decides, since thousands of files are not read for it. What a file really is, the worker finds out: a wrong
//! guess ends in words and not in a wrong result.

/// Loose pictures up to this number are pictures; more are a data set.
pub const MOST_PICTURES: usize = 30;

/// What a name says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Network,
    Json,
    Picture,
    /// Holds many pictures.
    Collection,
    /// A list: labels of pictures or names of classes.
    List,
    Other,
    /// What systems leave in folders.
    Litter,
}

/// Where files go, each by its place in what was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// To be opened one by one: networks with what belongs to them, and pictures.
    pub files: Vec<usize>,
    /// A data set.
    pub dataset: Vec<usize>,
}

/// The last part of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What is before it, without the slash; empty for a file outside folders.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn kind(path: &str) -> Kind {
    let name = file_name(path).to_ascii_lowercase();
    let litter = ["thumbs.db", "desktop.ini", "icon\r"];
    if name.starts_with('.') || litter.contains(&name.as_str()) || path.split('/').any(|part| part == "__MACOSX") {
        return Kind::Litter;
    }
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    if plain.ends_with("-ubyte") || plain.ends_with(".idx") {
        return Kind::Collection;
    }
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "onnx" | "h5" | "hdf5" | "keras" | "tflite" | "pt" | "pth" | "safetensors" => Kind::Network,
        "json" => Kind::Json,
        "jpg" | "jpeg" | "jpe" | "jfif" | "png" | "webp" | "bmp" | "gif" => Kind::Picture,
        "zip" | "npz" | "npy" => Kind::Collection,
        "txt" | "csv" | "tsv" => Kind::List,
        _ => Kind::Other,
    }
}

/// Whether the name is that of a picture.
#[must_use]
pub fn is_picture(path: &str) -> bool {
    kind(path) == Kind::Picture
}

/// Sorts files by their paths. `suggest`: they were dropped where a data set is shown, and become one.
#[must_use]
pub fn route(paths: &[String], suggest: bool) -> Route {
    let kinds: Vec<Kind> = paths.iter().map(|path| kind(path)).collect();
    let count = |kind: Kind| kinds.iter().filter(|one| **one == kind).count();
    let in_folders = paths.iter().any(|path| path.contains('/'));
    let (pictures, collections) = (count(Kind::Picture), count(Kind::Collection));
    let networks = count(Kind::Network);
    // A folder with a network that has its weights beside it, or a list of them.
    let homes: Vec<&str> = paths
        .iter()
        .zip(&kinds)
        .filter(|(path, kind)| match kind {
            Kind::Network => true,
            Kind::Json => file_name(path).eq_ignore_ascii_case("model.json") || has_shards(paths, folder(path)),
            _ => false,
        })
        .map(|(path, _)| folder(path))
        .collect();
    let many = pictures > MOST_PICTURES || (suggest && pictures > 1);
    let is_set = many
        || (in_folders && pictures > 0)
        || collections > 0
        || (suggest && count(Kind::Other) > 0)
        || (in_folders && homes.is_empty());

    let mut route = Route::default();
    for (at, (path, kind)) in paths.iter().zip(&kinds).enumerate() {
        let home = homes.contains(&folder(path));
        let into_set = match kind {
            Kind::Litter if in_folders => continue,
            Kind::Network => false,
            Kind::Picture | Kind::Collection => is_set,
            // Class names for a network, or labels of pictures.
            Kind::Json | Kind::List => is_set && !(home && (pictures + collections == 0 || *kind == Kind::Json)),
            // Weights beside a network, or a file of a data set without an extension that says so.
            Kind::Other | Kind::Litter => is_set && !home,
        };
        if into_set { route.dataset.push(at) } else { route.files.push(at) }
    }
    // Names of classes that came with networks, and nothing that they could label.
    if networks > 0 && route.dataset.iter().all(|&at| matches!(kinds.get(at), Some(Kind::List | Kind::Json))) {
        route.files.append(&mut route.dataset);
        route.files.sort_unstable();
    }
    route
}

/// Whether a folder holds weights in numbered parts, as TensorFlow.js writes them.
fn has_shards(paths: &[String], home: &str) -> bool {
    paths.iter().any(|path| folder(path) == home && path.ends_with(".bin") && file_name(path).contains("shard"))
}

/// A name for a data set of these files: the folder they are in, the file where it is one, else how many there are.
#[must_use]
pub fn name(paths: &[&str]) -> String {
    if let [only] = paths {
        return file_name(only).to_owned();
    }
    let root = |path: &str| path.split_once('/').map(|(root, _)| root.to_owned());
    match paths.first().and_then(|path| root(path)) {
        Some(first) if paths.iter().all(|path| root(path).as_deref() == Some(first.as_str())) => first,
        _ => format!("{} files", paths.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn sorted(list: &[&str], suggest: bool) -> (Vec<String>, Vec<String>) {
        let paths = names(list);
        let Route { files, dataset } = route(&paths, suggest);
        let pick = |places: Vec<usize>| places.into_iter().map(|at| paths[at].clone()).collect();
        (pick(files), pick(dataset))
    }

    #[test]
    fn single_files_are_opened_as_before() {
        for list in [
            &["cat.jpg"][..],
            &["cat.jpg", "dog.PNG"],
            &["net.onnx", "cat.jpg", "labels.txt"],
            &["net.onnx", "net.onnx.data", "classes.json"],
            &["model.json", "group1-shard1of2.bin", "group1-shard2of2.bin"],
            &["strange"],
            &["notes.txt"],
        ] {
            assert_eq!(sorted(list, false), (names(list), vec![]), "{list:?}");
        }
        // One picture is looked at, wherever it was dropped.
        assert_eq!(sorted(&["cat.jpg"], true), (names(&["cat.jpg"]), vec![]));
        assert_eq!(route(&[], true), Route::default());
    }

    #[test]
    fn many_pictures_and_folders_are_a_set() {
        let many: Vec<String> = (0..31).map(|at| format!("{at}.jpg")).collect();
        assert_eq!(route(&many, false).dataset.len(), 31);
        assert_eq!(route(&many[..30], false).files.len(), 30);
        assert_eq!(route(&many[..2], true).dataset.len(), 2);
        let folder = ["flowers/rose/1.jpg", "flowers/.DS_Store", "flowers/labels.csv", "flowers/Thumbs.db"];
        assert_eq!(sorted(&folder, false), (vec![], names(&["flowers/rose/1.jpg", "flowers/labels.csv"])));
    }

    #[test]
    fn collections_are_sets_wherever_they_are_dropped() {
        let digits = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"];
        assert_eq!(sorted(&digits, false), (vec![], names(&digits)));
        assert_eq!(sorted(&["a.npz"], false).1.len(), 1);
        let cifar = ["cifar/data_batch_1.bin", "cifar/batches.meta.txt"];
        assert_eq!(sorted(&cifar, false), (vec![], names(&cifar)));
        assert_eq!(sorted(&["data_batch_1.bin"], true).1.len(), 1);
    }

    #[test]
    fn networks_leave_the_set_with_what_belongs_to_them() {
        let mixed = ["all/a/1.jpg", "all/a/2.jpg", "all/net.onnx", "all/net.onnx_data", "all/labels.csv"];
        let (files, set) = sorted(&mixed, false);
        assert_eq!(files, names(&["all/net.onnx", "all/net.onnx_data"]));
        assert_eq!(set, names(&["all/a/1.jpg", "all/a/2.jpg", "all/labels.csv"]));
        let web = ["web/model.json", "web/group1-shard1of1.bin", "web/labels.txt"];
        assert_eq!(sorted(&web, false), (names(&web), vec![]));
        // A list of annotations among pictures is no network.
        assert_eq!(sorted(&["p/1.jpg", "p/annotations.json"], false).1.len(), 2);
        assert_eq!(sorted(&["net.onnx", "labels.txt"], true), (names(&["net.onnx", "labels.txt"]), vec![]));
    }

    #[test]
    fn sets_are_named_by_their_folder() {
        assert_eq!(name(&["flowers/rose/1.jpg", "flowers/2.jpg"]), "flowers");
        assert_eq!(name(&["a/1.jpg", "b/1.jpg"]), "2 files");
        assert_eq!(name(&["archive.zip"]), "archive.zip");
        assert_eq!(name(&[]), "0 files");
    }
}
