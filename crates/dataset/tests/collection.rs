//! Data sets in every format, against what NumPy and Pillow see in them; made by `tests/golden/datasets/make.py`.

use std::{cell::Cell, ops::Range, path::PathBuf, rc::Rc};

use bytes::Bytes;
use innspect_dataset::collection::{CollectError, Collection, Collector, Note, collect};
use innspect_files::{Blob, Slices};
use innspect_protocol::LabelOrigin;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/datasets")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn cases() -> serde_json::Map<String, Value> {
    serde_json::from_slice(&bytes("expected.json")).unwrap()
}

/// A file that is read in slices, and counts them.
struct Sliced(Vec<u8>, Rc<Cell<u64>>);

impl Slices for Sliced {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        self.1.set(self.1.get() + range.end - range.start);
        Ok(Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]))
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn agrees(name: &str, case: &Value, collection: &Collection) {
    assert_eq!(serde_json::to_value(&collection.classes).unwrap(), case["classes"], "{name}");
    let origin = match case["labels"].as_str() {
        None => LabelOrigin::None,
        Some("folders") => LabelOrigin::Folders,
        Some("array") => LabelOrigin::Array,
        Some(list) => LabelOrigin::File { name: list.into() },
    };
    assert_eq!(collection.labels, origin, "{name}: {:?}", collection.left_out);
    let left_out: Vec<&str> = collection.left_out.iter().map(|(path, _)| path.as_str()).collect();
    let expected: Vec<&str> =
        case["left_out"].as_array().into_iter().flatten().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(left_out, expected, "{name}");
    let items = case["items"].as_array().unwrap();
    assert_eq!(collection.items.len(), items.len(), "{name}: {:?}", collection.left_out);
    for (item, expected) in collection.items.iter().zip(items) {
        assert!(expected["name"].as_str().unwrap().ends_with(&item.name), "{name}: {} {}", item.name, expected["name"]);
        let label = item.label.map(|label| collection.classes[label as usize].as_str());
        assert_eq!(label, expected["class"].as_str(), "{name}: {}", item.name);
        let Some(rgb) = expected["rgb"].as_str() else {
            assert!(item.picture().is_err(), "{name}: {}", item.name);
            continue;
        };
        let picture = item.picture().unwrap_or_else(|error| panic!("{name}: {}: {error}", item.name));
        let size = [picture.width(), picture.height()];
        assert_eq!(serde_json::json!(size), expected["size"], "{name}: {}", item.name);
        assert_eq!(picture.rgb(), hex(rgb), "{name}: {}", item.name);
        assert!(item.size() > 0);
    }
}

#[test]
fn every_format_gives_what_numpy_sees() {
    for (name, case) in cases() {
        let files = |sliced: bool| -> Vec<(String, Blob)> {
            let names = case["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap());
            let blob = |name: &str| match sliced {
                false => bytes(name).into(),
                true => Blob::slices(Rc::new(Sliced(bytes(name), Rc::default()))),
            };
            names.map(|name| (name.to_owned(), blob(name))).collect()
        };
        let held = collect(files(false), &[]);
        agrees(&name, &case, &held);
        let sliced = collect(files(true), &[]);
        agrees(&name, &case, &sliced);
        assert_eq!(held.fingerprint(), sliced.fingerprint());
        let scale = held.notes.iter().find_map(|note| match note {
            Note::Values { scale, .. } => Some(*scale),
            _ => None,
        });
        if !case["scale"].is_null() {
            assert_eq!(scale.unwrap().map(|value| value as u64).as_slice(), [0, 1], "{name}");
        }
    }
}

#[test]
fn what_is_left_out_gets_a_sentence() {
    let collection = collect(vec![("animals.zip".into(), bytes("animals.zip").into())], &[]);
    let sentences: Vec<String> = collection.left_out.iter().map(|(_, error)| error.what()).collect();
    assert_eq!(sentences, ["This is a text file, not a picture.", "This is an HTML page, not a picture."]);
    let broken = collection.items.iter().find(|item| item.name == "dog/broken.png").unwrap();
    assert_eq!(broken.picture().unwrap_err().what(), "The PNG picture is damaged: the file ends too early.");

    let alone = |name: &str, content: Vec<u8>| {
        let collection = collect(vec![(name.into(), content.into())], &[]);
        assert!(collection.items.is_empty(), "{name}");
        collection.left_out.into_iter().map(|(_, error)| error).next().unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(alone("a.csv", b"file,label\n1.jpg,cat\n".to_vec()).what(), "The list names none of the pictures.");
    assert_eq!(alone("model.onnx", vec![8, 7]).what(), "This is an ONNX network, not a picture.");
    assert_eq!(alone("empty.png", Vec::new()).what(), "The file is empty.");
    let labels = alone("y.idx", bytes("t10k-labels-idx1-ubyte"));
    assert_eq!(labels, CollectError::Labels { count: 5 });
    let mut lying = bytes("t10k-images-idx3-ubyte");
    lying[4] = 200;
    assert!(alone("x.idx", lying).what().contains("promises 40265318476 bytes"), "a lying header");
    let cut = bytes("one.npy")[..200].to_vec();
    assert!(alone("one.npy", cut).what().contains("should have 189 bytes of data"), "a cut array");
    let normalised: Vec<f32> = (0..48).map(|i| i as f32 / 10.0 - 2.4).collect();
    let array = innspect_dataset::npy::write_f32(&[3, 4, 4], &normalised).unwrap();
    let error = alone("x.npy", array);
    assert!(matches!(error, CollectError::Range { .. }) && error.what().contains("-2.400000 to 2.300000"), "{error}");
    let features = innspect_dataset::npy::write_f32(&[2, 5], &[0.5; 10]).unwrap();
    assert!(alone("features.npy", features).what().contains("(2, 5) holds neither pictures nor labels"));
}

#[test]
fn rows_and_pictures_that_do_not_meet_are_counted() {
    let collection = collect(vec![("list.zip".into(), bytes("list.zip").into())], &[]);
    let list = "list/set/labels.csv".to_owned();
    assert_eq!(
        collection.notes,
        [Note::Rows { list, unmatched: 1, all: 4 }, Note::Unlabelled { pictures: 1 }],
        "{:?}",
        collection.notes
    );
    assert!(collection.notes[0].to_string().starts_with("1 of 4 rows of list/set/labels.csv name no picture"));
}

#[test]
fn given_names_are_the_classes_of_numbers() {
    let names: Vec<String> = ["zero", "one", "two", "three", "four"].map(str::to_owned).to_vec();
    let files = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    let collection = collect(files.map(|name| (name.to_owned(), bytes(name).into())).to_vec(), &names);
    assert_eq!(collection.classes, names);
    assert_eq!(collection.items.iter().map(|item| item.label.unwrap()).collect::<Vec<_>>(), [3, 0, 3, 1, 2]);
}

#[test]
fn pictures_of_stored_arrays_and_entries_are_read_alone() {
    let count = Rc::new(Cell::new(0));
    let mut file = bytes("floats.npz");
    // As a large archive has it: something long in front. Places in a zip archive are not from its end, so an array.
    let pixels = vec![7; 40_000 * 16];
    file.clear();
    file.extend(b"\x93NUMPY\x01\0");
    let dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (40000, 4, 4)}";
    file.extend((dict.len() as u16).to_le_bytes());
    file.extend(dict.bytes());
    file.extend(pixels);
    let collection = collect(vec![("x.npy".into(), Blob::slices(Rc::new(Sliced(file, count.clone()))))], &[]);
    assert_eq!(collection.items.len(), 40_000);
    assert!(count.get() < 100_000, "{} bytes read for the list", count.get());
    count.set(0);
    assert_eq!(collection.items[39_999].picture().unwrap().rgb(), [7; 48]);
    assert_eq!(count.get(), 16);
}

#[test]
fn names_are_unique_and_a_folder_is_the_same_as_its_content() {
    let picture = bytes("../../../crates/dataset/tests/fixtures/plain.png");
    let set =
        |paths: &[&str]| collect(paths.iter().map(|path| ((*path).to_owned(), picture.clone().into())).collect(), &[]);
    let twice = set(&["a.png", "a.png", "a (2).png", "a.png"]);
    let mut names: Vec<&str> = twice.items.iter().map(|item| item.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a (2).png", "a (3).png", "a (4).png", "a.png"]);
    let (outer, inner) = (set(&["x/dog/1.png", "x/cat/1.png"]), set(&["cat/1.png", "dog/1.png"]));
    assert_eq!(outer.fingerprint(), inner.fingerprint());
    assert_eq!(outer.classes, ["cat", "dog"]);
    assert_ne!(outer.fingerprint(), set(&["cat/1.png", "dog/2.png"]).fingerprint());
}

#[test]
fn the_background_is_chosen() {
    let alpha = bytes("../../../crates/dataset/tests/fixtures/alpha.png");
    let mut collection = collect(vec![("alpha.png".into(), alpha.clone().into())], &[]);
    let white = collection.picture(0).unwrap().unwrap();
    assert_eq!(white, innspect_dataset::decode(&alpha).unwrap());
    collection.background = [0; 3];
    assert_ne!(collection.picture(0).unwrap().unwrap(), white);
    assert!(collection.picture(1).is_none());
}

#[test]
fn damaged_files_never_panic() {
    let mut random = fastrand::Rng::with_seed(3);
    let list = bytes("expected.json");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".py") || name == "expected.json" {
            continue;
        }
        let whole = bytes(&name);
        let holds = |content: Vec<u8>| {
            let mut collector =
                Collector::new(vec![(name.clone(), content.into()), ("l.json".into(), list.clone().into())], &[]);
            for steps in 0.. {
                assert!(steps < 1000, "{name} does not end");
                if collector.step().finished {
                    break;
                }
            }
            let collection = collector.finish();
            for (_, error) in &collection.left_out {
                assert!(error.what().ends_with('.') && !error.advice().is_empty(), "{name}: {error:?}");
            }
            for item in collection.items.iter().take(50) {
                if let Err(error) = item.picture() {
                    assert!(error.what().ends_with('.') && !error.advice().is_empty(), "{name}: {error:?}");
                }
            }
        };
        let step = whole.len() / 300 + 1;
        (0..whole.len()).step_by(step).for_each(|length| holds(whole[..length].to_vec()));
        for _ in 0..600 {
            let mut broken = whole.clone();
            for _ in 0..random.usize(1..4) {
                // Headers and directories are at the ends.
                let near = random.usize(..whole.len().min(160));
                let at = [near, whole.len() - 1 - near, random.usize(..whole.len())][random.usize(..3)];
                broken[at] = if random.bool() { random.u8(..) } else { broken[at] ^ (1 << random.u8(..8)) };
            }
            holds(broken);
        }
    }
}
