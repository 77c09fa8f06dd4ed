//! The built-in photos: `selection.tsv` says which file of which package, what it shows, who took it under which licence.
//!
//! The facts about GCompris' photos are those of its own sources at the version that is packaged (the `README`s beside
//! the pictures); the package's copyright file describes older pictures under the same names. Therefore every row has
//! the sum of the very file that was examined.

mod rcc;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use innspect_protocol::CatalogPhoto;

use crate::models::packages::{Packages, check};
use rcc::Bundle;

/// The selection, in the order of the strip.
const SELECTION: &str = include_str!("selection.tsv");

/// Most pixels of the shorter side of a photo. Networks see less than 300 pixels; the rest is for the eye.
const SIDE: u32 = 512;

/// Quality of photos that are encoded anew.
const QUALITY: u8 = 82;

/// A row of the selection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Photo<'a> {
    /// Stem of the file that is written.
    name: &'a str,
    title: &'a str,
    /// ImageNet class.
    class: Option<usize>,
    author: &'a str,
    licence: &'a str,
    source: &'a str,
    package: &'a str,
    /// File in the package; for a file in a bundle, `bundle:path`.
    path: &'a str,
    /// SHA-256 of the file in the package.
    sum: &'a str,
}

impl Photo<'_> {
    /// Whether the file is kept byte by byte: it is small already.
    fn kept(&self, width: u32, height: u32) -> bool {
        width.min(height) <= SIDE && !self.path.ends_with(".png")
    }
}

/// Reads the table.
fn selection(table: &str) -> Result<Vec<Photo<'_>>> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(row).collect()
}

fn row(line: &str) -> Result<Photo<'_>> {
    let cells: Vec<&str> = line.split('\t').collect();
    let &[name, title, class, author, licence, source, package, path, sum] = cells.as_slice() else {
        bail!("a row has {} cells, not 9: {line}", cells.len());
    };
    let class = match class {
        "-" => None,
        number => Some(number.parse().with_context(|| format!("class {number:?} of {name} is no number"))?),
    };
    ensure!(class.is_none_or(|class| class < 1000), "class {class:?} of {name} does not exist");
    Ok(Photo { name, title, class, author, licence, source, package, path, sum })
}

/// Makes the photos and says whose they are.
pub fn write(packages: &Packages, folder: &Path) -> Result<()> {
    let photos = selection(SELECTION)?;
    let target = folder.join("photos");
    if target.is_dir() {
        // Photos that are no longer selected go.
        fs::remove_dir_all(&target)?;
    }
    fs::create_dir_all(&target)?;
    let mut bundles = BTreeMap::new();
    let (mut bytes, mut attribution) = (0, ATTRIBUTION.to_owned());
    for photo in &photos {
        let original = fetch(packages, &mut bundles, photo).with_context(|| format!("the photo {}", photo.name))?;
        let (file, encoded, change) = encode(photo, original)?;
        fs::write(target.join(&file), &encoded)?;
        bytes += encoded.len();
        let Photo { title, author, licence, source, package, .. } = photo;
        let _ =
            writeln!(attribution, "* `{file}`: {title}. {author}, {licence}, <{source}>; from {package}, {change}.");
    }
    fs::write(target.join("ATTRIBUTION.md"), attribution)?;
    println!("  photos: {} files, {:.1} MB", photos.len(), bytes as f64 / 1e6);
    Ok(())
}

/// Head of the list of authors.
const ATTRIBUTION: &str = "# Photos\n\n\
    Made by `cargo xtask models` from `crates/xtask/src/photos/selection.tsv`; edit that, not this file. Each photo stays \
    under its own licence. Packages: gcompris-qt-data (Debian), whose makers cropped and sharpened some of the photos, and \
    scikit-image (PyPI).\n\n";

/// The file as it is in its package.
fn fetch(packages: &Packages, bundles: &mut BTreeMap<String, Bundle>, photo: &Photo) -> Result<Vec<u8>> {
    if photo.package == "scikit-image" {
        return packages.python("scikit-image", "0.26.0", photo.path, photo.sum);
    }
    let (bundle, path) = photo.path.split_once(':').context("a path without a bundle")?;
    if !bundles.contains_key(bundle) {
        let file = packages.debian(photo.package)?.join("usr/share/gcompris-qt/rcc").join(bundle);
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        bundles.insert(bundle.to_owned(), Bundle::new(bytes)?);
    }
    let bytes = bundles.get(bundle).context("no bundle")?.read(path)?;
    check(&bytes, photo.sum)?;
    Ok(bytes)
}

/// Name and content of the photo's file, and what was done to it.
fn encode(photo: &Photo, original: Vec<u8>) -> Result<(String, Vec<u8>, &'static str)> {
    let reader = image::ImageReader::new(Cursor::new(&original)).with_guessed_format()?;
    let format = reader.format().context("an unknown picture format")?;
    let picture = reader.decode()?;
    let (width, height) = (picture.width(), picture.height());
    if photo.kept(width, height) {
        let ending = format.extensions_str().first().context("a format without a file ending")?;
        return Ok((format!("{}.{ending}", photo.name), original, "unchanged"));
    }
    let (picture, change) = if width.min(height) > SIDE {
        let scale = |length: u32| length * SIDE / width.min(height);
        (picture.resize_exact(scale(width), scale(height), FilterType::CatmullRom), "scaled down and saved as JPEG")
    } else {
        (picture, "saved as JPEG")
    };
    let mut out = Vec::new();
    picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, QUALITY))?;
    Ok((format!("{}.jpg", photo.name), out, change))
}

/// The catalogue's entries, for the files that lie in `folder`.
pub fn catalog(folder: &Path) -> Result<Vec<CatalogPhoto>> {
    let entry = |photo: Photo| {
        let mut endings = ["jpg", "webp"].iter().map(|ending| format!("photos/{}.{ending}", photo.name));
        let file = endings
            .find(|file| folder.join(file).is_file())
            .with_context(|| format!("the photo {} is missing: run `cargo xtask models --only photos`", photo.name))?;
        Ok(CatalogPhoto {
            file,
            title: photo.title.to_owned(),
            label: photo.class,
            author: photo.author.to_owned(),
            licence: photo.licence.to_owned(),
            source: photo.source.to_owned(),
        })
    };
    selection(SELECTION)?.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_is_complete() {
        let photos = selection(SELECTION).unwrap();
        assert!(photos.len() >= 48);
        assert!(
            photos.iter().filter(|photo| photo.class.is_some()).count() * 4 >= photos.len() * 3,
            "most have a class"
        );
        let names: std::collections::BTreeSet<_> = photos.iter().map(|photo| photo.name).collect();
        assert_eq!(names.len(), photos.len());
        for photo in photos {
            assert!(!photo.author.is_empty() && photo.source.starts_with("https://"), "{photo:?}");
            assert!(["Public domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-SA-4.0"].contains(&photo.licence));
            assert_eq!(photo.sum.len(), 64);
        }
    }

    #[test]
    fn bad_rows_are_named() {
        assert!(row("a\tb").unwrap_err().to_string().contains("2 cells"));
        assert!(row("n\tt\t1000\ta\tl\ts\tp\tf\tx").unwrap_err().to_string().contains("does not exist"));
        assert!(row("n\tt\tdog\ta\tl\ts\tp\tf\tx").unwrap_err().to_string().contains("no number"));
        assert_eq!(row("n\tt\t-\ta\tl\ts\tp\tf\tx").unwrap().class, None);
    }

    #[test]
    fn large_photos_are_scaled_and_small_ones_kept() {
        let line = "n\tt\t1\ta\tl\ts\tp\tbundle:x.webp\tsum";
        let photo = row(line).unwrap();
        let encoded = |width, height, format| {
            let mut bytes = Cursor::new(Vec::new());
            image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
            bytes.into_inner()
        };
        let small = encoded(60, 40, image::ImageFormat::WebP);
        assert_eq!(encode(&photo, small.clone()).unwrap(), ("n.webp".to_owned(), small, "unchanged"));
        let (file, jpeg, _) = encode(&photo, encoded(1536, 1024, image::ImageFormat::WebP)).unwrap();
        assert_eq!(file, "n.jpg");
        let picture = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (768, 512));
        let png = Photo { path: "x.png", ..photo };
        assert_eq!(encode(&png, encoded(60, 40, image::ImageFormat::Png)).unwrap().0, "n.jpg");
    }
}
