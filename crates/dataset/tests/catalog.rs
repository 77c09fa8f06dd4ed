//! The catalogue that the project ships: it can be read, its files are there, its pictures can be prepared.

use std::collections::HashMap;
use std::path::PathBuf;

use innspect_dataset::{catalog, decode, prepare};

#[test]
fn what_is_built_in_can_be_used() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let list = catalog::load(&folder).unwrap();
    assert!(!list.models.is_empty() && list.photos.len() >= 48);
    let mut classes = HashMap::new();
    for model in &list.models {
        let size = std::fs::metadata(folder.join(&model.file)).unwrap().len();
        assert_eq!(size, model.bytes, "{}", model.id);
        assert_eq!(model.preprocessing.size, [model.input[1], model.input[2]], "{}", model.id);
        let labels: Vec<String> = serde_json::from_slice(&std::fs::read(folder.join(&model.labels)).unwrap()).unwrap();
        classes.insert(&model.id, labels.len());
    }
    for dataset in &list.datasets {
        let size = std::fs::metadata(folder.join(&dataset.file)).unwrap().len();
        assert_eq!(size, dataset.bytes, "{}", dataset.id);
        let own = list.models.iter().filter(|model| model.dataset.as_ref() == Some(&dataset.id));
        own.for_each(|model| assert_eq!(classes[&model.id], dataset.classes.len(), "{}", model.id));
    }
    for photo in &list.photos {
        let picture = decode(&std::fs::read(folder.join(&photo.file)).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", photo.file));
        // Large enough that no network gets a picture blown up by much.
        assert!(picture.width().min(picture.height()) >= 200, "{}: {picture:?}", photo.file);
        for model in list.photo_models() {
            let prepared = prepare(&picture, &model.preprocessing).unwrap();
            assert_eq!(prepared.tensor.len(), model.input.iter().product::<usize>(), "{}", model.id);
            assert!(photo.label.is_none_or(|label| label < classes[&model.id]), "{}", photo.file);
        }
    }
}
